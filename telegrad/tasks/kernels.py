"""Kernels of a blur: Gaussians, and the paths of shaken cameras."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MODES = 8
"""Frequencies that a path is made of."""


def gaussian_side(sigma: float) -> int:
    """Side in pixels of a kernel that holds four standard deviations to each side."""
    return 2 * math.ceil(4 * sigma) + 1


def gaussian_kernels(sigmas: Tensor, side: int) -> Tensor:
    """k(q) ∝ exp(−|q|²/2σ²), one for each σ (n,) in pixels: (n, side, side), sum one."""
    q = torch.arange(side, device=sigmas.device) - side // 2
    line = torch.exp(-(q**2) / (2 * sigmas.clamp(min=1e-3)[:, None] ** 2))
    line = line / line.sum(1, keepdim=True)
    return line[:, :, None] * line[:, None, :]


def motion_side(length: float) -> int:
    """Side in pixels of a kernel that holds a path of this length."""
    return 2 * (math.floor(length / 2) + 1) + 1


def motion_kernels(lengths: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """The light of a point while the camera moves along a random smooth path.

    The path is one half of the period of a random Fourier series,

        p(s) = Σ_m m⁻²·(a_m·cos πms + b_m·sin πms), 0 ≤ s ≤ 1, a_m, b_m ~ N(0, I),

    moved so that its center of mass lies in the kernel's center, and scaled so that it goes half of
    the length away from it at most. Each moment's light goes to the four pixels around p(s) by
    bilinear weights.

    The idea is that of Schuler et al., who draw both coordinates from a smooth Gaussian process; a
    series whose coefficients fall off as m⁻² is one that needs no covariance matrix.

    Args:
        lengths: (n,) in pixels, twice the largest distance of the path from its center of mass.
        side: of the kernels, `motion_side` of the largest length or more.
        generator: on the device of the lengths.

    Returns:
        (n, side, side), none negative, each of sum one.

    Source: Schuler et al., *Learning to deblur*, IEEE Trans. Pattern Anal. Mach. Intell. 2016.
    """
    n, device = len(lengths), lengths.device
    moments = 16 * side
    s = (torch.arange(moments, device=device) + 0.5) / moments
    m = torch.arange(1, MODES + 1, device=device)
    waves = torch.cat([torch.cos(math.pi * m[:, None] * s), torch.sin(math.pi * m[:, None] * s)])
    drawn = torch.randn((n, 2, 2 * MODES), generator=generator, device=device)
    path = (drawn / torch.cat([m, m]) ** 2) @ waves  # (n, down and across, moments)
    path = path - path.mean(-1, keepdim=True)
    reach = path.norm(dim=1).amax(-1)
    path = path * (lengths / 2 / reach)[:, None, None]
    pixels = torch.arange(side, device=device) - side // 2
    near = (1 - (path[..., None] - pixels).abs()).clamp(min=0)  # (n, 2, moments, side)
    kernels = near[:, 0].mT @ near[:, 1]
    return kernels / kernels.sum((1, 2), keepdim=True)
