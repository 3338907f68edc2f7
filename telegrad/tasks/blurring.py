"""Convolution of images with a kernel each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(images: Tensor, kernels: Tensor) -> Tensor:
    """y(p) = Σ_q k(q)·x(p − q), each image with its own kernel, centers at q = 0.

    Images go on beyond their edges by reflection, edge pixels not repeated. The sum is computed by
    FFT of the image with its reflected margin, of which only what no period reaches is kept; in
    32 bits, or 64 if the images have them.

    Args:
        images: (n, c, h, w).
        kernels: (n, a, b), a and b odd and at most h and w.

    Raises:
        ValueError: for kernels of another number, of even sides, or larger than the images.
    """
    (n, _, h, w), (a, b) = images.shape, kernels.shape[-2:]
    if kernels.shape != (n, a, b) or not (a % 2 and b % 2) or a > h or b > w:
        raise ValueError(
            f"blurred: kernels of shape {tuple(kernels.shape)} for {n} images of {h}×{w}; needs "
            f"one an image, of odd sides, no larger than it. Use larger images, or fewer levels."
        )
    exact = torch.float64 if images.dtype == torch.float64 else torch.float32
    margins = (b // 2, b // 2, a // 2, a // 2)
    wide = F.pad(images.to(exact), margins, mode="reflect")
    size = wide.shape[-2:]
    transfer = torch.fft.rfft2(kernels.to(exact), s=size)[:, None]
    periodic = torch.fft.irfft2(transfer * torch.fft.rfft2(wide), s=size)
    return torch.empty_like(images).copy_(periodic[..., a - 1 :, b - 1 :])
