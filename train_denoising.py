"""Train a network for denoising; `python train_denoising.py --help` lists the options."""

import sys

from telegrad.cli.scripts import Script

script = Script("denoising", ("unet", "resnet"), ("cifar10", "celeba"))

if __name__ == "__main__":
    sys.exit(script.main())
