"""Deblurring: x_t = (1 − t)·Kx + t·z with a Gaussian blur K."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from telegrad.options import option
from telegrad.tasks.base import Draw, LevelRule
from telegrad.tasks.paper import TimedTask, at_time, draw_noise_and_time
from telegrad.tasks.sized import SizedTask


@dataclass(frozen=True, kw_only=True)
class PaperDeblurring(SizedTask, TimedTask):
    """x_t = (1 − t)·Kx + t·z, K a Gaussian blur; the target is x."""

    name: ClassVar[str] = "deblurring"
    default_rule: ClassVar[LevelRule] = "pixel"

    sigma: float | tuple[float, float] = option(
        3.0,
        "standard deviation of the blur on the finest level, or those down and across",
        unit="pixels",
        least=0,
        most=1e6,
    )
    level_rule: LevelRule | None = option(
        None,
        "the blur on a coarse level: pixel: of the same width in pixels; physical: in the scene",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.sigma, list):
            object.__setattr__(self, "sigma", tuple(self.sigma))

    @property
    def sigmas(self) -> tuple[float, float]:
        """Down and across, in pixels of the finest level."""
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma, self.sigma)

    @property
    def smallest_useful(self) -> int:
        """Five standard deviations; a blur as wide as the image leaves little but its mean."""
        of_blur = 5 * max(self.sigmas) if self.rule == "pixel" else 0.0
        return max(super().smallest_useful, math.ceil(of_blur))

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        return draw_noise_and_time(clean, self.t_max, generator)

    def observe(self, draw: Draw) -> Tensor:
        clean = draw["clean"]
        return at_time(gaussian_blur(clean, self.sigma_on(clean.shape[-2:])), draw)

    def sigma_on(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Standard deviations in pixels on the level of that shape."""
        if self.rule == "pixel":
            return self.sigmas
        (height, width), (down, across) = self.finest_size, self.sigmas
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
