"""Bicubic resizing with antialiasing, as benchmarks of super-resolution make their small images."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def bicubic(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """Images (…, h, w) of another height and width.

    Keys' kernel with a = −1/2, made wider by the factor where the image becomes smaller; images go
    on beyond their edges by mirroring, edge pixels repeated. This is the `imresize` by which the
    field's test sets were made, but for rounding.

    Source: Keys, *Cubic convolution interpolation for digital image processing*, 1981.
    """
    down, across = (
        _weights(before, after).to(images.device, images.dtype)
        for before, after in zip(images.shape[-2:], size, strict=True)
    )
    return down @ images @ across.mT


@lru_cache(maxsize=64)
def _weights(before: int, after: int) -> Tensor:
    """The matrix (after, before) that resizes a line of pixels."""
    scale = after / before
    narrow = min(scale, 1.0)  # the kernel is 1/scale times wider where a line becomes shorter
    width = math.ceil(4 / narrow) + 2
    centers = (torch.arange(after, dtype=torch.float64) + 0.5) / scale - 0.5
    first = (centers - 2 / narrow).floor()
    places = first[:, None] + torch.arange(width)
    values = _kernel(narrow * (centers[:, None] - places))
    values /= values.sum(1, keepdim=True)
    mirrored = places.long() % (2 * before)
    mirrored = torch.minimum(mirrored, 2 * before - 1 - mirrored)
    return torch.zeros(after, before, dtype=torch.float64).scatter_add_(1, mirrored, values)


def _kernel(x: Tensor) -> Tensor:
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
