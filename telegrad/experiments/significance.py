"""Means over seeds, and whether their differences are more than chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 3
"""Seeds below which no interval is given: of two it is 13 times as wide as they are apart."""


@dataclass(frozen=True)
class Mean:
    """Over seeds, with the ends of its 95 % confidence interval (Student's t), of three or more."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        if not values or not np.isfinite(values).all():
            return None
        mean = float(np.mean(values))
        if len(values) < FEWEST:
            return cls(mean, None, None)
        from scipy import stats

        error = float(stats.sem(values))
        if error == 0:
            return cls(mean, mean, mean)
        low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
        return cls(mean, float(low), float(high))


def p_values(
    losses: Sequence[Sequence[float]], seeds: Sequence[Sequence[int]]
) -> list[float | None]:
    """p-values of each one's losses, but the first's, being the first one's.

    Student's paired t-test where seeds are the same, else Welch's; None where one of the two has a
    single seed, or a loss is not finite.

    Args:
        losses: of the runs of each configuration, the best first.
        seeds: of these runs.
    """
    from scipy import stats

    values: list[float | None] = []
    for other, of_seeds in zip(losses[1:], seeds[1:], strict=True):
        pair = [losses[0], other]
        if min(map(len, pair)) < 2 or not np.isfinite(np.concatenate(pair)).all():
            values.append(None)
            continue
        paired = list(seeds[0]) == list(of_seeds)
        differences = np.subtract(pair[0], pair[1]) if paired else None
        if differences is not None and np.ptp(differences) == 0:
            values.append(1.0 if differences[0] == 0 else 0.0)
            continue
        test = stats.ttest_rel(*pair) if paired else stats.ttest_ind(*pair, equal_var=False)
        values.append(float(test.pvalue))
    return values


def holm(values: Iterable[float | None]) -> list[float | None]:
    """p-values corrected for being several (Holm 1979); None stays.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    uncorrected = list(values)
    order = sorted(
        (k for k, p in enumerate(uncorrected) if p is not None), key=lambda k: uncorrected[k] or 0.0
    )
    corrected, least = list(uncorrected), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * (uncorrected[k] or 0.0)))
        corrected[k] = least
    return corrected


def in_words(p: float | None, *, best: bool) -> str:
    """How a loss compares with the best one, of its corrected p-value; None if it has none."""
    if best:
        return "best"
    if p is None:
        return "not tested: needs two seeds or more"
    if p < 0.05:
        return f"worse (p = {p:.2g})"
    return f"not told apart from the best (p = {p:.2g})"


def with_error(value: Mean | None, form: str, error: bool = True) -> str:
    """A mean and half the width of its confidence interval."""
    if value is None:
        return "–"
    if value.high is None or not error:
        return f"{value.mean:{form}}"
    half = value.high - value.mean
    return f"{value.mean:{form}} ± {half:{'.2g' if form == '.4g' else form}}"
