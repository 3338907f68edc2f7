"""Train 2× super-resolution; `python train_superresolution.py --help` lists the options."""

import sys

from telegrad.cli.scripts import Script

script = Script("superresolution", ("srnet", "resnet"), ("urban100",), learning_rate=1e-3)

if __name__ == "__main__":
    sys.exit(script.main())
