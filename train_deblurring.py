"""Train a network for deblurring; `python train_deblurring.py --help` lists the options."""

import sys

from telegrad.cli.scripts import Script

script = Script("deblurring", ("unet", "resnet"), ("stl10", "cifar10", "celeba"))

if __name__ == "__main__":
    sys.exit(script.main())
