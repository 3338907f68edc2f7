"""Structural similarity on several scales, as a loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import Loss, data_range_option, range_of
from telegrad.options import option

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first, as measured by Wang et al."""

SMALLEST = (11, 22, 44, 99, 176)
"""Least height and width of an image for one scale, two, …: the 11×11 window must fit into the
coarsest, and torchmetrics asks for more at four."""


@dataclass(frozen=True, kw_only=True)
class MSSSIM(Loss):
    """The negative multi-scale structural similarity of each image; −1 for equal ones.

    Structure and contrast c of each scale, on [−1, 1], enter as (1 + c)/2: the original's powers
    of c have a gradient without bound as c falls to 0, and none below. With fewer scales than five
    the weights of those left are made to sum to 1. Each scale halves the image, so that it needs
    176×176 pixels or more for five scales, on the coarsest level too; 99 for four, 44 for three, 22
    for two.

    Raises:
        ValueError: for smaller images.

    Source: Wang et al., *Multiscale structural similarity for image quality assessment*, Asilomar
    2003, by torchmetrics.
    """

    scales: int = option(
        5, "each of half the resolution of the last", least=1, most=len(WEIGHTS), unit="scales"
    )
    data_range: float | None = data_range_option()

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

        self._check_size(*clean.shape[-2:])
        weights = WEIGHTS[: self.scales]
        values = multiscale_structural_similarity_index_measure(
            restored.float(),
            clean,
            sigma=1.5,
            kernel_size=11,
            reduction="none",
            data_range=range_of(self),
            betas=tuple(weight / sum(weights) for weight in weights),
            normalize="simple",
        )
        return -values.reshape(-1)

    def _check_size(self, height: int, width: int) -> None:
        smallest = SMALLEST[self.scales - 1]
        if min(height, width) < smallest:
            fitting = sum(min(height, width) >= side for side in SMALLEST)
            fewer = f"scales={fitting}, " if fitting else ""
            raise ValueError(
                f"MSSSIM: images of {height}×{width}; scales={self.scales} needs "
                f"{smallest}×{smallest} or larger. Use {fewer}fewer levels, larger images, or "
                f"another loss."
            )
