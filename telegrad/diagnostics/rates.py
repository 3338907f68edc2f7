"""How fast corrections shrink and costs grow from level to level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import linear_regression
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telegrad.diagnostics.statistics import LevelStatistics


def rates(statistics: LevelStatistics) -> dict[str, float]:
    """Giles' α, β, γ: ‖E(g_l − g_{l−1})‖ ~ 2^(−αl), V_l ~ 2^(−βl), cost ~ 2^(γl).

    By least squares in log2: α and β over the levels l ≥ 1, γ over all of them; nan where fewer
    than two can be used.
    """
    m, levels = statistics.mean_products, range(1, statistics.grids.levels)
    bias = [m[k][k] - 2 * m[k][k - 1] + m[k - 1][k - 1] for k in levels]
    return {
        "alpha": -slope(bias) / 2,
        "beta": -slope(statistics.correction_variance()[1:]),
        "gamma": slope(statistics.seconds or statistics.work_units),
    }


def slope(values: Sequence[float]) -> float:
    """Of log2 of the positive ones over their places; nan if there are fewer than two.

    >>> slope([1.0, 4.0, 16.0]), slope([1.0, 0.0])
    (2.0, nan)
    """
    places = [place for place, value in enumerate(values) if value > 0]
    if len(places) < 2:
        return math.nan
    return linear_regression(places, [math.log2(values[place]) for place in places]).slope
