"""Denoising: x_t = (1 − t)·x + t·z with Gaussian noise z and a random time t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from telegrad.tasks.base import Draw
from telegrad.tasks.paper import TimedTask, at_time, draw_noise_and_time


@dataclass(frozen=True, kw_only=True)
class PaperDenoising(TimedTask):
    """x_t = (1 − t)·x + t·z, z ~ N(0, I), t ~ U(0, t_max); the target is x.

    By default the image is averaged and the noise stays white with unit variance on coarser levels,
    so that each level is the same denoising problem. The authors' code takes every second pixel of
    both: restriction="injection".
    """

    name: ClassVar[str] = "denoising"
    pixelwise: ClassVar[bool] = True

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        return draw_noise_and_time(clean, self.t_max, generator)

    def observe(self, draw: Draw) -> Tensor:
        return at_time(draw["clean"], draw)
