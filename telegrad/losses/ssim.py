"""Structural similarity, and its negative as a loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import Loss
from telegrad.options import option

SMALLEST = 16
"""Least height and width of an image: the window and its margins leave nothing of a smaller one."""


@dataclass(frozen=True, kw_only=True)
class SSIM(Loss):
    """The negative structural similarity of each image: 11×11 Gaussian window, σ = 1.5 pixels."""

    data_range: float | None = option(None, "width of the images' range; else the task's", above=0)

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return -similarity(restored, clean, self.data_range or 2.0)


def similarity(images: Tensor, clean: Tensor, data_range: float = 2.0) -> Tensor:
    """SSIM of each image (n, c, h, w) with its clean one, shape (n,); 1 for equals.

    Args:
        images, clean: in a range of that width.
        data_range: 2 for [−1, 1], 1 for [0, 1].

    Raises:
        ValueError: for images below 16×16.

    Source: Wang et al., *Image quality assessment*, IEEE Trans. Image Process. 2004.
    """
    height, width = images.shape[-2:]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"SSIM: images of {height}×{width}; needs {SMALLEST}×{SMALLEST} or larger. Use fewer "
            f"levels, larger images, or another loss."
        )
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(
        images.float(), clean, sigma=1.5, kernel_size=11, data_range=data_range, reduction="none"
    )
    assert isinstance(values, Tensor)
    return values.reshape(-1)
