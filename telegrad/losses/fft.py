"""The mean error of an image's frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from telegrad.losses.base import Loss
from telegrad.options import option


@dataclass(frozen=True, kw_only=True)
class FFT(Loss):
    """The mean of |F x| over all frequencies of each image's errors x, F the Fourier transform.

    By default F keeps the sum of squares, so that white errors of standard deviation σ have the
    loss √π/2·σ at any size, the same on every level. Mostly a part of a `Sum`.

    Source: Cho et al., *Rethinking Coarse-to-Fine Approach in Single Image Deblurring* (MIMO-UNet),
    ICCV 2021: there F is not normalized, and the real and the imaginary part count by their own
    absolute values.
    """

    norm: Literal["ortho", "backward"] = option(
        "ortho",
        "of the transform: ortho keeps the sum of squares; backward is MIMO-UNet's, √(h·w) times "
        "larger",
    )

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return torch.fft.fft2(restored.float() - clean, norm=self.norm).abs().mean((1, 2, 3))
