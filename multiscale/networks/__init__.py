"""Networks for image restoration, by name. All are called as `network(images, times)`."""

from __future__ import annotations

from collections.abc import Callable

from multiscale.networks.adapters import WithNoiseLevel, WithoutTime, divisor_of
from multiscale.networks.layers import RestorationNetwork
from multiscale.networks.resnet import ResNet
from multiscale.networks.srnet import SRNet
from multiscale.networks.unet import UNet

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
