"""Pairs: from images as they were taken to the ones that they should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw, check_images
from telegrad.tasks.enlarging import EnlargingTask


@dataclass(frozen=True, kw_only=True)
class Pairs(EnlargingTask):
    """From the input y of a dataset's pair to its target x; nothing is corrupted.

    Both are restricted by the same rule, averages of 2×2 pixels. A blur or a change of colors
    becomes the same one of a smaller image. Noise does not: where it is independent between pixels
    its standard deviation halves from level to level (less, where it is correlated, as in the
    photographs that a camera develops), so that coarse levels pose an easier problem. The sum over
    levels still has the finest level's gradient as its expectation. But what is learned on a coarse
    level alone is a weaker denoiser: give the finest level its share of the work, use few levels,
    or crops of the finest pixels (the strategies of patches), which keep the noise as it is.
    `restriction=injection` keeps it too, and aliases the images.
    """

    needs_pairs: ClassVar[bool] = True

    scale: Literal[1, 2, 3, 4, 8] = option(
        1, "how many times larger a target is than its input, a side"
    )

    @property
    def name(self) -> str:
        return "pairs" if self.scale == 1 else f"pairs_x{self.scale}"

    def draw(self, clean: Tensor, generator: torch.Generator, low: Tensor | None = None) -> Draw:
        """Draws of targets `clean` (n, c, h, w) and inputs `low` (n, c, h/s, w/s); none is random.

        Raises:
            ValueError: without inputs, or for ones of another size.
        """
        check_images("Pairs.draw", clean)
        if low is None:
            raise ValueError(
                "Pairs.draw: images without inputs; needs a dataset of pairs: --data Pairs "
                "--data.path DIR --data.input lq --data.target gt."
            )
        draw = {"clean": clean, "low": low}
        self.observe(draw)
        return draw

    def observe(self, draw: Draw) -> Tensor:
        n, c, height, width = draw["clean"].shape
        check_draw("Pairs.observe", draw, low=(n, c, height // self.scale, width // self.scale))
        return draw["low"]
