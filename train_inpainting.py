"""Train a network for inpainting; `python train_inpainting.py --help` lists the options."""

import sys

from telegrad.cli.scripts import Script

script = Script("inpainting", ("unet", "resnet"), ("celeba", "cifar10"))

if __name__ == "__main__":
    sys.exit(script.main())
