"""Deblurring: x_t = (1 − t)·Kx + t·z with a Gaussian blur K."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from telegrad.mge.allocation import is_number
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
class Deblurring(Task):
    """x_t = (1 − t)·Kx + t·z, K a Gaussian blur; the target is x, the loss the MSE.

    Args:
        finest: (height, width) in pixels of the finest level, where `sigma` is meant.
        sigma: standard deviations of the blur down and across, in pixels of the finest level.
        level_rule: the blur on a coarse level. `pixel` (default): the same sigma in that level's
            pixels. `physical`: the same blur of the scene, sigma_l = sigma·2^(l − L).
        t_max: largest time, in (0, 1].
        restriction: how each field of a draw is carried to the next coarser level.
    """

    name: ClassVar[str] = "deblurring"
    finest: tuple[int, int]
    sigma: tuple[float, float] = (3.0, 3.0)
    level_rule: LevelRule = "pixel"
    t_max: float = 0.1
    restriction: Mapping[Any, Restriction] = field(default_factory=averaged_images_and_white_noise)

    def __post_init__(self) -> None:
        check_t_max("Deblurring", self.t_max)
        if len(self.sigma) != 2 or not all(is_number(s) and 0 <= s <= 1e6 for s in self.sigma):
            raise ValueError(
                f"Deblurring: sigma={self.sigma}, needs two lengths of at least 0, in pixels."
            )
        if self.level_rule not in get_args(LevelRule):
            raise ValueError(
                f"Deblurring: level_rule={self.level_rule!r}, needs physical or pixel."
            )

    @property
    def smallest_useful(self) -> int:
        """Five standard deviations; a blur as wide as the image leaves little but its mean."""
        of_blur = 5 * max(self.sigma) if self.level_rule == "pixel" else 0.0
        return max(super().smallest_useful, math.ceil(of_blur))

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        return draw_noise_and_time(clean, self.t_max, generator)

    def observe(self, draw: Draw) -> Tensor:
        clean = draw["clean"]
        return at_time(gaussian_blur(clean, self.sigma_on(clean.shape[-2:])), draw)

    def sigma_on(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Standard deviations in pixels on the level of that shape."""
        if self.level_rule == "pixel":
            return self.sigma
        (height, width), (down, across) = self.finest, self.sigma
        return down * shape[0] / height, across * shape[1] / width


def gaussian_blur(images: Tensor, sigma: tuple[float, float]) -> Tensor:
    """Convolution with a Gaussian, by FFT; images go on periodically beyond their edges.

    In frequencies f (cycles a pixel) the Gaussian of standard deviation σ is exp(−2π²σ²f²). It is
    real and even, so the operator is its own adjoint; at f = 0 it is 1, so the mean is kept.

    Args:
        images: (…, h, w).
        sigma: down and across, in pixels; 0 leaves the images as they are.
    """
    height, width = images.shape[-2:]
    down = torch.fft.fftfreq(height, device=images.device)
    across = torch.fft.rfftfreq(width, device=images.device)
    squares = (sigma[0] * down[:, None]) ** 2 + (sigma[1] * across) ** 2
    transfer = torch.exp(-2 * math.pi**2 * squares).to(images.dtype)
    return torch.fft.irfft2(torch.fft.rfft2(images) * transfer, s=(height, width))
