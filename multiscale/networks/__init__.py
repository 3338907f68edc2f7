"""Networks for image restoration, by name. All are called as `network(images, times)`."""

from __future__ import annotations

from torch import nn

from multiscale.networks.resnet import ResNet
from multiscale.networks.srnet import SRNet
from multiscale.networks.unet import UNet

NETWORKS: dict[str, type[nn.Module]] = {"unet": UNet, "resnet": ResNet, "srnet": SRNet}

__all__ = ["NETWORKS", "ResNet", "SRNet", "UNet"]
