"""Denoising: x_t = (1 − t)·x + t·z with Gaussian noise z and a random time t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from telegrad.mge.grids import Restriction
from telegrad.tasks.base import (
    Draw,
    Task,
    at_time,
    averaged_images_and_white_noise,
    check_t_max,
    draw_noise_and_time,
)


@dataclass(frozen=True)
class Denoising(Task):
    """x_t = (1 − t)·x + t·z, z ~ N(0, I), t ~ U(0, t_max); the target is x, the loss the MSE.

    Args:
        t_max: largest time, in (0, 1]; 0.1 by default. At t the noise has the standard deviation t
            on images in [−1, 1].
        restriction: how each field of a draw is carried to the next coarser level. By default the
            image is averaged and the noise stays white with unit variance, so that each level is
            the same denoising problem. The authors' code takes every second pixel of both:
            {"clean": "injection", "noise": "injection"}.
    """

    name: ClassVar[str] = "denoising"
    pixelwise: ClassVar[bool] = True
    t_max: float = 0.1
    restriction: Mapping[Any, Restriction] = field(default_factory=averaged_images_and_white_noise)

    def __post_init__(self) -> None:
        check_t_max("Denoising", self.t_max)

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        return draw_noise_and_time(clean, self.t_max, generator)

    def observe(self, draw: Draw) -> Tensor:
        return at_time(draw["clean"], draw)
