"""Structural similarity, and its negative as a loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.losses.base import Loss, data_range_option, range_of

SIGMA, REACH = 1.5, 5
"""Of the Gaussian window in pixels: its standard deviation, and how far it goes to each side."""

SMALLEST = 16
"""Least height and width of an image: the window and its margins leave nothing of a smaller one."""


@dataclass(frozen=True, kw_only=True)
class SSIM(Loss):
    """The negative structural similarity of each image: 11×11 Gaussian window, σ = 1.5 pixels."""

    data_range: float | None = data_range_option()

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return -similarity(restored, clean, range_of(self))


def similarity(images: Tensor, clean: Tensor, data_range: float) -> Tensor:
    """SSIM of each image (n, c, h, w) with its clean one, shape (n,); 1 for equals.

    Args:
        images: any.
        clean: what they are compared with.
        data_range: width of the range of values, 2 for [−1, 1].

    Raises:
        ValueError: for images below 16×16.

    Beyond its edges an image goes on by reflection, and all pixels count. It is torchmetrics'
    measure to the last bit, whose import alone takes longer than many a validation.

    Source: Wang et al., *Image quality assessment*, IEEE Trans. Image Process. 2004.
    """
    height, width = images.shape[-2:]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"SSIM: images of {height}×{width}; needs {SMALLEST}×{SMALLEST} or larger. Use fewer "
            f"levels, larger images, or another loss."
        )
    x, y, channels = images.float(), clean.float(), images.shape[1]
    (x, y), window = (_mirrored(image) for image in (x, y)), _window(x)
    stacked = torch.cat((x, y, x * x, y * y, x * y))
    means = F.conv2d(stacked, window.expand(channels, 1, *window.shape), groups=channels)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = means.split(len(x))
    squares_x, squares_y, product = mean_x.pow(2), mean_y.pow(2), mean_x * mean_y
    variance_x = (mean_xx - squares_x).clamp(min=0.0)
    variance_y = (mean_yy - squares_y).clamp(min=0.0)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    upper = 2 * (mean_xy - product) + c2
    lower = (variance_x + variance_y) + c2
    everywhere = ((2 * product + c1) * upper) / ((squares_x + squares_y + c1) * lower)
    return everywhere.flatten(1).mean(-1)


def _mirrored(images: Tensor) -> Tensor:
    return F.pad(images, (REACH,) * 4, mode="reflect")


def _window(images: Tensor) -> Tensor:
    """The Gaussian (11, 11) of sum one."""
    places = torch.arange(-REACH, REACH + 1.0, dtype=images.dtype, device=images.device)
    line = torch.exp(-((places / SIGMA).pow(2)) / 2)
    line = (line / line.sum())[None]
    return line.t() @ line
