"""A model as one function of images in [0, 1], whatever range its task trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from telegrad.inference.model import Model
from telegrad.networks import divisor_of

LEAST = 24
"""Least height and width, in pixels, of images that exports are checked on."""


class OnUnitRange(nn.Module):
    """What a model makes of photographs in [0, 1]: the task's `prepare`, its network, and back.

    Args:
        model: trained; its network is not copied.

    Attributes:
        takes_sigma: whether the function has a second argument.
        unit: heights and widths of images must be multiples of it.

    Shape:
        images (n, c, h, w) in [0, 1], and where `takes_sigma` the standard deviation of their noise
        on that range, (n,) → (n, c, s·h, s·w), not clipped, where s is the task's `scale`.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network, self.task = model.network, model.task
        self.takes_sigma = model.takes_noise
        divisor = divisor_of(model.network, self.task.call)
        self.unit = divisor // math.gcd(divisor, self.task.scale // self.task.enlarges)

    def forward(self, images: Tensor, sigma: Tensor | None = None) -> Tensor:
        low, high = self.task.value_range
        noise = 0.0 if sigma is None else (high - low) * sigma
        given, second = self.task.prepare(low + (high - low) * images, noise)
        restored = self.network(given) if second is None else self.network(given, second)
        return (restored - low) / (high - low)

    @property
    def network_name(self) -> str:
        """Of the network's class."""
        return type(self.network).__name__

    def arguments(self, n: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Random images of that size, and noise levels from 0 to 0.2 if they are an argument."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand((n, self.task.channels, height, width), generator=generator)
        sigma = 0.2 * torch.rand(n, generator=generator)
        return (images, sigma) if self.takes_sigma else (images,)


def three_sizes(unit: int, least: int = LEAST) -> tuple[tuple[int, int, int], ...]:
    """Numbers, heights and widths of three batches of images that are not square.

    >>> three_sizes(8)
    ((2, 24, 40), (1, 32, 24), (3, 40, 32))
    """
    k = -(-least // unit)
    return (2, k * unit, (k + 2) * unit), (1, (k + 1) * unit, k * unit), (
        3, (k + 2) * unit, (k + 1) * unit)  # fmt: skip
