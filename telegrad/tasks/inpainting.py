"""Inpainting: x_t = (1 − t)·Mx + t·z, where M blanks random boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from telegrad.mge.grids import Restriction
from telegrad.tasks.base import (
    Draw,
    LevelRule,
    Task,
    at_time,
    averaged_images_and_white_noise,
    check_t_max,
    draw_noise_and_time,
)


@dataclass(frozen=True)
class Inpainting(Task):
    """x_t = (1 − t)·Mx + t·z, M blanks random boxes (grey); the target is x, the loss the MSE.

    A draw holds its boxes as numbers, centers and sides in parts of the finest level's height and
    width, so that they need no restriction: each level blanks the pixels whose centers lie in them.

    Args:
        finest: (height, width) in pixels of the finest level.
        boxes: how many an image has; they may overlap.
        sides: least and largest side of a box on the finest level, in parts of the image's.
        level_rule: the boxes on a coarse level. `physical` (default): they cover the same part of
            the scene. `pixel`: they have the same size in pixels about the same centers.
        t_max: largest time, in (0, 1].
        restriction: how each field of a draw is carried to the next coarser level.
    """

    name: ClassVar[str] = "inpainting"
    logs_ssim: ClassVar[bool] = True
    finest: tuple[int, int]
    boxes: int = 3
    sides: tuple[float, float] = (0.125, 0.25)
    level_rule: LevelRule = "physical"
    t_max: float = 0.1
    restriction: Mapping[Any, Restriction] = field(default_factory=averaged_images_and_white_noise)

    def __post_init__(self) -> None:
        check_t_max("Inpainting", self.t_max)
        if self.boxes < 1:
            raise ValueError(f"Inpainting: boxes={self.boxes}, needs 1 or more.")
        if not 0 < self.sides[0] <= self.sides[1] <= 1:
            raise ValueError(
                f"Inpainting: sides={self.sides}, needs a least and a largest side in (0, 1]."
            )
        if self.level_rule not in get_args(LevelRule):
            raise ValueError(
                f"Inpainting: level_rule={self.level_rule!r}, needs physical or pixel."
            )

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        draw = draw_noise_and_time(clean, self.t_max, generator)
        shape = (len(clean), self.boxes, 2)
        centers = torch.rand(shape, generator=generator, device=clean.device)
        sides = torch.rand(shape, generator=generator, device=clean.device)
        least, largest = self.sides
        return {**draw, "centers": centers, "sides": least + (largest - least) * sides}

    def observe(self, draw: Draw) -> Tensor:
        return at_time(self.known(draw) * draw["clean"], draw)

    def known(self, draw: Draw) -> Tensor:
        """The mask (n, 1, h, w) on the draw's level: 0 in the boxes, 1 elsewhere."""
        rows, columns = (self._inside(draw, axis) for axis in (0, 1))
        in_a_box = (rows[..., :, None] & columns[..., None, :]).any(1, keepdim=True)
        return (~in_a_box).to(draw["clean"].dtype)

    def _inside(self, draw: Draw, axis: int) -> Tensor:
        """Which rows (axis 0) or columns (axis 1) each box covers: (n, boxes, pixels)."""
        pixels = draw["clean"].shape[-2 + axis]
        places = (torch.arange(pixels, device=draw["clean"].device) + 0.5) / pixels
        enlarged = self.finest[axis] / pixels if self.level_rule == "pixel" else 1.0
        half = enlarged * draw["sides"][..., axis, None] / 2
        return (places - draw["centers"][..., axis, None]).abs() < half
