"""Networks for image restoration, one file each, and what makes those of others fit.

They are called as `network(images)`, or with a second argument if they take it; see `accept`.
"""

from telegrad.networks.adapters import WithNoiseLevel, WithoutTime
from telegrad.networks.calling import Call, accept, accept_times, takes, takes_times
from telegrad.networks.gatedunet import GatedUNet
from telegrad.networks.layers import RestorationNetwork
from telegrad.networks.needs import Needs, needs_of
from telegrad.networks.plaincnn import PlainCNN
from telegrad.networks.resnet import ResNet
from telegrad.networks.sizes import check_network, divisor_of
from telegrad.networks.srnet import SRNet
from telegrad.networks.unet import UNet

__all__ = [
    "Call",
    "GatedUNet",
    "Needs",
    "PlainCNN",
    "ResNet",
    "RestorationNetwork",
    "SRNet",
    "UNet",
    "WithNoiseLevel",
    "WithoutTime",
    "accept",
    "accept_times",
    "check_network",
    "divisor_of",
    "needs_of",
    "takes",
    "takes_times",
]
