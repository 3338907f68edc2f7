"""Denoising: y = x + σ·z with Gaussian noise z, white or with the grain of a camera's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from telegrad.networks.calling import Condition
from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw, check_images, noise_levels
from telegrad.tasks.kernels import gaussian_kernels, gaussian_side
from telegrad.tasks.restoration import RestorationTask, Span, ends, said, uniform, white_noise


@dataclass(frozen=True, kw_only=True)
class Denoising(RestorationTask):
    """y = x + σ·z, z ~ N(0, I), not clipped; the target is x.

    A network that takes `sigma` is given it, in [0, 1]. On coarse levels the image is averaged and
    the noise keeps its standard deviation: the same problem at the same σ.

    In photographs neighbouring pixels share noise, and so do colors, since a camera interpolates
    colors and codes the result; a network that has seen white noise alone leaves such noise as it
    is. `grain` makes z so, see `with_grain`, alike on every level, on which z is white before.

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
    grain: Span = option(
        0.0,
        "how far pixels share noise, as in photographs: standard deviation of a Gaussian in "
        "pixels, from 0 (white noise) to 5, or 0..1.5 drawn per image",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sigmas, self.grains  # noqa: B018  raises for what can't be

    @property
    def sigmas(self) -> tuple[float, float]:
        """The least and the largest, on 0 … 255."""
        return ends("sigma", self.sigma, least=0, most=255)

    @property
    def grains(self) -> tuple[float, float]:
        """The least and the largest, in pixels."""
        return ends("grain", self.grain, least=0, most=5)

    @property
    def name(self) -> str:
        grain = f"_g{said(self.grains)}" if self.grains[1] else ""
        return f"denoising_s{said(self.sigmas)}{grain}"

    @property
    def measured(self) -> Denoising:
        """With white noise, as papers report it."""
        return replace(self, grain=0.0)

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        noise = white_noise(clean, generator, "Denoising.draw")
        draw = {
            "clean": clean,
            "noise": noise,
            "sigma": uniform(clean, self.sigmas, generator) / 255,
        }
        return draw | ({"grain": uniform(clean, self.grains, generator)} if self.grains[1] else {})

    def observe(self, draw: Draw) -> Tensor:
        shape = tuple(draw["clean"].shape)
        check_draw("Denoising.observe", draw, clean=shape, noise=shape, sigma=shape[:1])
        noise = draw["noise"]
        if "grain" in draw:
            noise = with_grain(noise, draw["grain"], gaussian_side(self.grains[1]))
        return draw["clean"] + draw["sigma"][:, None, None, None] * noise

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """As `Task.prepare`; the second argument is the noise, at most the largest trained on."""
        check_images("Denoising.prepare", image)
        low, high = (sigma / 255 for sigma in self.sigmas)
        return image, noise_levels(image, noise).clamp(low, high)


def with_grain(noise: Tensor, grains: Tensor, side: int) -> Tensor:
    """White noise (n, c, h, w) that pixels and channels come to share; its variance stays.

    Neighbours: z → k ∗ z / ‖k‖ with a Gaussian k, by which pixels at a distance d have the
    correlation exp(−d²/4g²), from about g = 1 on; where g = 0.5 the sampled Gaussian has 0.26 in
    place of 0.37. Channels: z → a·z + b·Σz, such that they have exp(−1/4g²). Noise goes on
    periodically, so that it is the same at the edges.

    Args:
        noise: on any level.
        grains: (n,) standard deviations g of the Gaussians, in pixels.
        side: of their kernels, odd; smaller ones where the images are smaller.
    """
    channels, shared = noise.shape[1], torch.exp(-1 / (4 * grains.square()).clamp(min=1e-6))
    a = (1 - shared).sqrt()
    b = ((a.square() + channels * shared).sqrt() - a) / channels
    a, b = a[:, None, None, None], b[:, None, None, None]
    if channels > 1:
        noise = a * noise + b * noise.sum(1, keepdim=True)
    shorter = min(*noise.shape[-2:], side)
    kernels = gaussian_kernels(grains, shorter - (shorter + 1) % 2)
    kernels = kernels / kernels.square().sum((1, 2), keepdim=True).sqrt()
    size = noise.shape[-2:]
    transfer = torch.fft.rfft2(kernels, s=size)[:, None]
    return torch.fft.irfft2(transfer * torch.fft.rfft2(noise.float()), s=size).to(noise.dtype)
