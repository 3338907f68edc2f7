"""How much of the finest loss a unit of work on a coarser level removes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from telegrad.diagnostics.interval import Interval, bootstrap_interval

if TYPE_CHECKING:
    from telegrad.diagnostics.statistics import LevelStatistics, Unit


def progress(statistics: LevelStatistics, level: int, unit: Unit = "work_units") -> Interval:
    """How much more of the finest loss a unit of work on `level` removes than one on level L.

    Let a step −η ĝ have the mean μ = E ĝ, and the variance W/B where it has the work B. For a loss
    of curvature h it removes η ⟨E g_L, μ⟩ − η² h (‖μ‖² + W/B)/2 in the mean. With the best η, and
    batches so small that noise limits the step (below `noise_scale`), that is

        ⟨E g_L, μ⟩² / (2 h W)   per unit of work.

    Training on level l has μ = E g_l, W_l = c_l Var g_l; the ratio to level L is

        ⟨E g_L, E g_l⟩² / ‖E g_L‖⁴ · W_L/W_l,

    which weighs what the coarse level misses (its bias) against what it costs. It is also the ratio
    at steps of equal signal to noise, whatever their size. A telescoping sum has μ = E g_L, so its
    ratio is its `gain`: the two can be compared. Negative where the coarse mean gradient leads
    uphill. It looks one step ahead, and takes the curvature to be the same in all directions.

    Source: the noise-limited step of McCandlish et al., *An empirical model of large-batch
    training*, 2018.
    """
    statistics.grids.shape(level)  # refuses one that does not exist
    if level == statistics.grids.levels - 1:
        return Interval(1.0, 1.0, 1.0)
    costs = statistics.costs(unit)
    covariances, products = statistics.resampled_covariance, statistics.resampled_products
    resampled = _progress(level, costs, covariances, products)
    covariance = covariances.new_tensor(statistics.covariance)
    value = float(
        _progress(level, costs, covariance, products.new_tensor(statistics.mean_products))
    )
    # A resample that says nothing may lie on either side.
    low = bootstrap_interval(value, resampled.nan_to_num(-math.inf, math.inf, -math.inf)).low
    high = bootstrap_interval(value, resampled.nan_to_num(math.inf, math.inf, -math.inf)).high
    return Interval(value, low, high)


def _progress(level: int, costs: Sequence[float], k: Tensor, m: Tensor) -> Tensor:
    """Shape (…), of (…, levels, levels); nan where noise drowns the finest mean gradient."""
    product, finest = m[..., -1, level], m[..., -1, -1]
    fine_work, coarse_work = costs[-1] * k[..., -1, -1], costs[level] * k[..., level, level]
    ratio = product * product.abs() * fine_work / (finest**2 * coarse_work)
    return torch.where((finest > 0) & (coarse_work > 0), ratio, math.nan)
