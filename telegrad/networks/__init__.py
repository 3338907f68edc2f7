"""Networks for image restoration, one file each, and what makes those of others fit.

They are called as `network(images, times)`; see `accept_times` for those that take images alone.
"""

from telegrad.networks.adapters import WithNoiseLevel, WithoutTime
from telegrad.networks.calling import accept_times, takes_times
from telegrad.networks.layers import RestorationNetwork
from telegrad.networks.resnet import ResNet
from telegrad.networks.sizes import check_network, divisor_of
from telegrad.networks.srnet import SRNet
from telegrad.networks.unet import UNet

__all__ = [
    "ResNet",
    "RestorationNetwork",
    "SRNet",
    "UNet",
    "WithNoiseLevel",
    "WithoutTime",
    "accept_times",
    "check_network",
    "divisor_of",
    "takes_times",
]
