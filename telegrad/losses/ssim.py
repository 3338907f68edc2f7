"""Structural similarity, and its negative as a loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import RANGE, Loss, data_range_option

SMALLEST = 16
"""Least height and width of an image: the window and its margins leave nothing of a smaller one."""


@dataclass(frozen=True, kw_only=True)
class SSIM(Loss):
    """The negative structural similarity of each image: 11×11 Gaussian window, σ = 1.5 pixels."""

    data_range: float | None = data_range_option()

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return -similarity(restored, clean, self.data_range or RANGE)


def similarity(images: Tensor, clean: Tensor, data_range: float = RANGE) -> Tensor:
    """SSIM of each image (n, c, h, w) with its clean one, shape (n,); 1 for equals.

    Args:
        images: any.
        clean: what they are compared with.
        data_range: width of the range of values, 2 for [−1, 1].

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
