"""Denoising: y = x + σ·z with Gaussian noise z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from telegrad.networks.calling import Condition
from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw, check_images, noise_levels
from telegrad.tasks.restoration import RestorationTask, Span, ends, said, uniform, white_noise


@dataclass(frozen=True, kw_only=True)
class Denoising(RestorationTask):
    """y = x + σ·z, z ~ N(0, I), not clipped; the target is x.

    A network that takes `sigma` is given it, in [0, 1]. On coarse levels the image is averaged and
    the noise keeps its standard deviation: the same problem at the same σ.

    Source: Zhang et al., *Beyond a Gaussian denoiser* (DnCNN), IEEE Trans. Image Process. 2017,
    for σ and blind training.
    """

    condition: ClassVar[Condition | None] = "sigma"
    pixelwise: ClassVar[bool] = True
    strength: ClassVar[str | None] = "sigma"

    sigma: Span = option(
        25.0,
        "standard deviation of the noise on 0 … 255, from 0 to 255: 25, or 0..50 drawn per image",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sigmas  # noqa: B018  raises for what can't be

    @property
    def sigmas(self) -> tuple[float, float]:
        """The least and the largest, on 0 … 255."""
        return ends("sigma", self.sigma, least=0, most=255)

    @property
    def name(self) -> str:
        return f"denoising_s{said(self.sigmas)}"

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        noise = white_noise(clean, generator, "Denoising.draw")
        return {
            "clean": clean,
            "noise": noise,
            "sigma": uniform(clean, self.sigmas, generator) / 255,
        }

    def observe(self, draw: Draw) -> Tensor:
        shape = tuple(draw["clean"].shape)
        check_draw("Denoising.observe", draw, clean=shape, noise=shape, sigma=shape[:1])
        return draw["clean"] + draw["sigma"][:, None, None, None] * draw["noise"]

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """As `Task.prepare`; the second argument is the noise, at most the largest trained on."""
        check_images("Denoising.prepare", image)
        low, high = (sigma / 255 for sigma in self.sigmas)
        return image, noise_levels(image, noise).clamp(low, high)
