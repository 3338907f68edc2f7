"""The mean squared error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import Loss


@dataclass(frozen=True, kw_only=True)
class MSE(Loss):
    """The mean squared error of each image."""

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return (restored - clean).square().mean((1, 2, 3))
