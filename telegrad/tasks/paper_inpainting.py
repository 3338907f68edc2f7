"""Inpainting: x_t = (1 − t)·Mx + t·z, where M blanks random boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from telegrad.options import option
from telegrad.tasks.base import Draw, LevelRule
from telegrad.tasks.boxes import outside_boxes
from telegrad.tasks.paper import TimedTask, at_time, draw_noise_and_time
from telegrad.tasks.sized import SizedTask


@dataclass(frozen=True, kw_only=True)
class PaperInpainting(SizedTask, TimedTask):
    """x_t = (1 − t)·Mx + t·z, M blanks random boxes (grey); the target is x.

    A draw holds its boxes as numbers, centers and sides in parts of the finest level's height and
    width, so that they need no restriction: each level blanks the pixels whose centers lie in them.
    """

    name: ClassVar[str] = "inpainting"
    logs_ssim: ClassVar[bool] = True
    default_rule: ClassVar[LevelRule] = "physical"

    boxes: int = option(3, "how many an image has; they may overlap", least=1, most=1000)
    sides: tuple[float, float] = option(
        (0.125, 0.25), "least and largest side of a box, in parts of the image's", above=0, most=1
    )
    level_rule: LevelRule | None = option(
        None,
        "the boxes on a coarse level: physical: they cover the same part of the scene; pixel: they "
        "have the same size in pixels about the same centers",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sides", tuple(self.sides))
        if not self.sides[0] <= self.sides[1]:
            raise ValueError(
                f"sides={self.sides}: needs the least side of a box first, then the largest."
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
        height, width = draw["clean"].shape[-2:]
        enlarged = 1.0, 1.0
        if self.rule == "pixel":
            enlarged = self.finest_size[0] / height, self.finest_size[1] / width
        known = outside_boxes(draw["centers"], draw["sides"], (height, width), enlarged)
        return known.to(draw["clean"].dtype)
