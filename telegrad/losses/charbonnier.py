"""The Charbonnier loss, a smooth mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from telegrad.losses.base import Loss
from telegrad.options import option


@dataclass(frozen=True, kw_only=True)
class Charbonnier(Loss):
    """The mean of √(x² + ε²) over each image's errors x.

    Source: Charbonnier et al., *Two deterministic half-quadratic regularization algorithms for
    computed imaging*, ICIP 1994.
    """

    epsilon: float = option(1e-3, "below which errors count by their square", above=0)

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        return ((restored - clean).square() + self.epsilon**2).sqrt().mean((1, 2, 3))
