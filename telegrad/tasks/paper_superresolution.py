"""Super-resolution ×2: from an image of half the size, trained on structural similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.losses import SSIM, Loss
from telegrad.losses.ssim import SMALLEST
from telegrad.mge.restriction import Restriction
from telegrad.tasks.base import Draw, check_draw, check_images
from telegrad.tasks.paper import PaperTask


@dataclass(frozen=True, kw_only=True)
class PaperSuperResolution(PaperTask):
    """The network refines the bilinear upsampling of a low-resolution image; the loss is −SSIM.

    A draw is a pair of images, high resolution (`clean`) and half of it (`low`), which are
    restricted together. Where a dataset has no low one, it is the bilinear downsampling of the high
    one, which at a factor of two is the mean of 2×2 pixels.
    """

    name: ClassVar[str] = "superresolution"
    smallest: ClassVar[int] = SMALLEST
    divisor: ClassVar[int] = 2
    pairs: ClassVar[bool] = True
    default_network: ClassVar[str] = "SRNet"

    @property
    def scale(self) -> int:
        return 2

    @property
    def network_arguments(self) -> Mapping[str, Any]:
        return {"time": False}

    @property
    def rules(self) -> Mapping[Any, Restriction]:
        return {"clean": self.restriction, "low": self.restriction}

    @property
    def default_loss(self) -> Loss:
        return SSIM()

    def draw(self, clean: Tensor, generator: torch.Generator, low: Tensor | None = None) -> Draw:
        """Pairs of `clean` and `low` (n, 3, h/2, w/2), which is made from `clean` if not given."""
        check_images("PaperSuperResolution.draw", clean)
        if low is None:
            low = F.interpolate(clean, scale_factor=0.5, mode="bilinear", align_corners=False)
        return {"clean": clean, "low": low}

    def observe(self, draw: Draw) -> Tensor:
        if "clean" in draw:
            n, c, height, width = draw["clean"].shape
            check_draw("PaperSuperResolution.observe", draw, low=(n, c, height // 2, width // 2))
        return _enlarged(draw["low"])

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """The photographs at twice their height and width; the noise in them stays."""
        check_images("PaperSuperResolution.prepare", image)
        return _enlarged(image), None


def _enlarged(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
