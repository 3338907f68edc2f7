"""Super-resolution ×2: from an image of half the size, trained on structural similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from telegrad.mge.grids import Restriction
from telegrad.tasks.base import Draw, Network, Task, check_draw, check_images, check_restored


def both_averaged() -> dict[Any, Restriction]:
    return {"clean": "averaging", "low": "averaging"}


@dataclass(frozen=True)
class SuperResolution(Task):
    """The network refines the bilinear upsampling of a low-resolution image; the loss is −SSIM.

    A draw is a pair of images, high resolution (`clean`) and half of it (`low`), which are
    restricted together. Where a dataset has no low one, it is the bilinear downsampling of the high
    one, which at a factor of two is the mean of 2×2 pixels. Training is on −SSIM (11×11 Gaussian
    window, σ = 1.5 pixels).

    Args:
        restriction: how each image of the pair is carried to the next coarser level.
    """

    name: ClassVar[str] = "superresolution"
    smallest: ClassVar[int] = 16  # SSIM's window and its margins leave nothing of a smaller image
    divisor: ClassVar[int] = 2
    timed: ClassVar[bool] = False
    pairs: ClassVar[bool] = True
    restriction: Mapping[Any, Restriction] = field(default_factory=both_averaged)

    def draw(self, clean: Tensor, generator: torch.Generator, low: Tensor | None = None) -> Draw:
        """Pairs of `clean` and `low` (n, 3, h/2, w/2), which is made from `clean` if not given."""
        check_images("SuperResolution.draw", clean)
        if low is None:
            low = F.interpolate(clean, scale_factor=0.5, mode="bilinear", align_corners=False)
        return {"clean": clean, "low": low}

    def observe(self, draw: Draw) -> Tensor:
        if "clean" in draw:
            n, c, height, width = draw["clean"].shape
            check_draw("SuperResolution.observe", draw, low=(n, c, height // 2, width // 2))
        return F.interpolate(draw["low"], scale_factor=2.0, mode="bilinear", align_corners=False)

    def restore(self, network: Network, draw: Draw) -> Tensor:
        return network(self.observe(draw))

    def errors(self, restored: Tensor, draw: Draw) -> Tensor:
        check_restored(restored, draw)
        return -similarity(restored, draw["clean"])


def similarity(images: Tensor, clean: Tensor) -> Tensor:
    """SSIM of each image (n, 3, h, w) in [−1, 1] with its clean one, shape (n,); 1 for equals.

    Source: Wang et al., *Image quality assessment*, IEEE Trans. Image Process. 2004.
    """
    found = structural_similarity_index_measure(
        images.float(), clean, sigma=1.5, kernel_size=11, data_range=2.0, reduction="none"
    )
    assert isinstance(found, Tensor)
    return found.reshape(-1)
