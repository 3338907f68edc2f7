"""The peak signal-to-noise ratio, as a loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import Loss, data_range_option, range_of
from telegrad.options import option


@dataclass(frozen=True, kw_only=True)
class PSNR(Loss):
    """The negative PSNR of each image in dB: 10·log₁₀(MSE/range² + ε).

    Its gradient is that of the MSE divided by the MSE, so that each image counts by its own error.

    Source: Chen et al., *Simple Baselines for Image Restoration* (NAFNet), ECCV 2022; ε as there.
    """

    epsilon: float = option(
        1e-8, "added to the mean squared error on a range of width 1: 1e-8 is 80 dB", above=0
    )
    data_range: float | None = data_range_option()

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        error = (restored.float() - clean) / range_of(self)
        return 10 * (error.square().mean((1, 2, 3)) + self.epsilon).log10()
