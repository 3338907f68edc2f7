"""Networks for image restoration, by name. All are called as `network(images, times)`."""

from __future__ import annotations

from collections.abc import Callable

from telegrad.networks.adapters import WithNoiseLevel, WithoutTime, divisor_of
from telegrad.networks.layers import RestorationNetwork
from telegrad.networks.resnet import ResNet
from telegrad.networks.srnet import SRNet
from telegrad.networks.unet import UNet

NETWORKS: dict[str, Callable[..., RestorationNetwork]] = {
    "unet": UNet,
    "resnet": ResNet,
    "srnet": SRNet,
}

__all__ = [
    "NETWORKS",
    "ResNet",
    "RestorationNetwork",
    "SRNet",
    "UNet",
    "WithNoiseLevel",
    "WithoutTime",
    "divisor_of",
]
