"""A number with the confidence interval that resampling its draws gives it."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

FEWEST = 8
"""Draws below which no confidence interval is given."""


class Interval(NamedTuple):
    """A factor with its 95 % confidence interval; nan for bounds that too few draws don't give.

    >>> print(Interval(3.14159, 2.5, 12.2))
    3.14× (2.50–12)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "unknown"
        bounds = "" if math.isnan(self.low) else f" ({_factor(self.low)}–{_factor(self.high)})"
        return f"{_factor(self.value)}×{bounds}"


def bootstrap_interval(value: float, resampled: Tensor) -> Interval:
    """From the value on each resample, shape (resamples,): the 2.5 % and 97.5 % quantiles.

    Both are values of resamples, not interpolated ones, so that some may be infinite. nan if there
    are no resamples.
    """
    n = len(resampled)
    if not n:
        return Interval(value, math.nan, math.nan)
    ordered = resampled.sort().values
    low, high = (float(ordered[max(math.ceil(n * q) - 1, 0)]) for q in (0.025, 0.975))
    return Interval(value, low, high)


def _factor(x: float) -> str:
    return "∞" if x == math.inf else f"{x:.2f}" if abs(x) < 10 else f"{x:.0f}"
