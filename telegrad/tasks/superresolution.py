"""Super-resolution: from a small image to one of two, three, four or eight times its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw, check_images
from telegrad.tasks.bicubic import bicubic
from telegrad.tasks.enlarging import EnlargingTask


@dataclass(frozen=True, kw_only=True)
class SuperResolution(EnlargingTask):
    """From the small image y = bicubic(x)↓s to x; the network enlarges it.

    Where a dataset has small images of its own, these are taken. On each level the small image is
    made from that level's image, so that all levels pose the same problem.
    """

    default_optimizer: ClassVar[str | None] = "AdamW"  # Muon ended 0.05 dB lower at ×4

    scale: Literal[2, 3, 4, 8] = option(2, "how many times larger the restored image is, a side")

    @property
    def name(self) -> str:
        return f"superresolution_x{self.scale}"

    def draw(self, clean: Tensor, generator: torch.Generator, low: Tensor | None = None) -> Draw:
        """Draws of images `clean` (n, c, h, w), with small ones `low` (n, c, h/s, w/s) if given."""
        check_images("SuperResolution.draw", clean)
        return {"clean": clean} if low is None else {"clean": clean, "low": low}

    def observe(self, draw: Draw) -> Tensor:
        n, c, height, width = draw["clean"].shape
        size = height // self.scale, width // self.scale
        if "low" not in draw:
            return bicubic(draw["clean"], size)
        check_draw("SuperResolution.observe", draw, low=(n, c, *size))
        return draw["low"]

    def store(self, draw: Draw) -> Draw:
        return {**draw, "low": self.rounded(self.observe(draw))}
