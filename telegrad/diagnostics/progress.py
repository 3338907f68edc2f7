"""How much of the finest loss a unit of work removes: on a coarser level, or in a sum of levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from telegrad.diagnostics.interval import Interval, bootstrap_interval
from telegrad.mge.numbers import is_whole

if TYPE_CHECKING:
    from telegrad.diagnostics.gain import Allocation
    from telegrad.diagnostics.statistics import LevelStatistics, Unit


def progress(
    statistics: LevelStatistics,
    level: int,
    unit: Unit = "work_units",
    batch_size: int | None = None,
) -> Interval:
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
    if batch_size is not None and not (is_whole(batch_size) and batch_size >= 1):
        raise ValueError(f"progress: batch_size={batch_size!r}; needs a whole number from 1 on.")
    if level == statistics.grids.levels - 1 and batch_size in (None, 1):
        return Interval(1.0, 1.0, 1.0)
    costs = statistics.costs(unit)
    covariances, products = statistics.resampled_covariance, statistics.resampled_products
    resampled = _progress(level, costs, covariances, products, batch_size)
    covariance, product = _measured(statistics)
    value = float(_progress(level, costs, covariance, product, batch_size))
    # A resample that says nothing may lie on either side.
    low = bootstrap_interval(value, resampled.nan_to_num(-math.inf, math.inf, -math.inf)).low
    high = bootstrap_interval(value, resampled.nan_to_num(math.inf, math.inf, -math.inf)).high
    return Interval(value, low, high)


def step_gain(
    statistics: LevelStatistics, allocation: Allocation, unit: Unit = "work_units"
) -> Interval:
    """The gain of an allocation in steps of its own size: variance is not progress.

    By the same model, a step of work C and variance V removes ‖E g_L‖⁴/(2 h (‖E g_L‖² + V)). Per
    unit of work, and compared with steps of one finest sample, that is

        c_L (‖E g_L‖² + Var g_L) / (C (‖E g_L‖² + V)).

    It is the `gain` where noise limits steps of one sample, and at most 1 + Var g_L/‖E g_L‖², one
    more than the noise scale, for any sum: each step takes a finest sample, which costs c_L.
    """
    costs = statistics.costs(unit)
    covariance, products = _measured(statistics)
    value = float(_step_gain(allocation, costs, covariance, products))
    resampled = statistics.resampled_covariance, statistics.resampled_products
    return bootstrap_interval(value, _step_gain(allocation, costs, *resampled))


def step_limit(statistics: LevelStatistics) -> Interval:
    """1 + the finest level's noise scale, which no `step_gain` exceeds; ∞ where noise drowns it."""
    covariance, products = _measured(statistics)
    resampled = statistics.resampled_covariance, statistics.resampled_products
    return bootstrap_interval(float(_limit(covariance, products)), _limit(*resampled))


def _measured(statistics: LevelStatistics) -> tuple[Tensor, Tensor]:
    new = statistics.resampled_covariance.new_tensor
    return new(statistics.covariance), new(statistics.mean_products)


def _progress(
    level: int, costs: Sequence[float], k: Tensor, m: Tensor, batch_size: int | None
) -> Tensor:
    """Shape (…), of (…, levels, levels); nan where noise drowns the finest mean gradient."""
    product, finest, own = m[..., -1, level], m[..., -1, -1], m[..., level, level]
    fine_work, coarse_work = costs[-1] * k[..., -1, -1], costs[level] * k[..., level, level]
    if batch_size is not None:
        fine_work = fine_work + costs[-1] * finest
        coarse_work = coarse_work + batch_size * costs[level] * own.clamp(min=0)
    ratio = product * product.abs() * fine_work / (finest**2 * coarse_work)
    return torch.where((finest > 0) & (coarse_work > 0), ratio, math.nan)


def _step_gain(allocation: Allocation, costs: Sequence[float], k: Tensor, m: Tensor) -> Tensor:
    """Shape (…), of (…, levels, levels); 1 where there is neither mean nor noise."""
    squared = m[..., -1, -1].clamp(min=0)
    single = costs[-1] * (squared + k[..., -1, -1])
    work = allocation.cost(costs) * (squared + allocation.variance(k))
    return torch.where(work > 0, single / work, 1.0)


def _limit(k: Tensor, m: Tensor) -> Tensor:
    finest = m[..., -1, -1]
    return torch.where(finest > 0, 1 + k[..., -1, -1] / finest, math.inf)
