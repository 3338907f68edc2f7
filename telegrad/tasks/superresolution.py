"""Super-resolution: from a small image to one of two, three, four or eight times its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from telegrad.mge.restriction import Restriction
from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw, check_images
from telegrad.tasks.bicubic import bicubic
from telegrad.tasks.restoration import RestorationTask


@dataclass(frozen=True, kw_only=True)
class SuperResolution(RestorationTask):
    """From the small image y = bicubic(x)↓s to x; the network enlarges it.

    Where a dataset has small images of its own, these are taken. On each level the small image is
    made from that level's image, so that all levels pose the same problem.
    """

    pairs: ClassVar[bool] = True
    stored: ClassVar[bool] = True

    scale: Literal[2, 3, 4, 8] = option(2, "how many times larger the restored image is, a side")

    @property
    def name(self) -> str:
        return f"superresolution_x{self.scale}"

    @property
    def divisor(self) -> int:  # type: ignore[override]
        return self.scale

    @property
    def smallest(self) -> int:  # type: ignore[override]
        """Four pixels of the small image."""
        return 4 * self.scale

    @property
    def smallest_useful(self) -> int:
        return 8 * self.scale

    @property
    def enlarges(self) -> int:
        return self.scale

    @property
    def rules(self) -> Mapping[object, Restriction]:
        return {"clean": self.restriction, "low": self.restriction}

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

    def unrestored(self, draw: Draw) -> Tensor:
        """The small images, enlarged by bicubic interpolation."""
        return bicubic(self.observe(draw), tuple(draw["clean"].shape[-2:]))
