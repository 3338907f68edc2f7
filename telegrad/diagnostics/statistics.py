"""What is known about the levels, as numbers; tables and advice are made from them.

The quantities are those of Giles' `mlmc_test` (*Multilevel Monte Carlo methods*, Acta Numerica
2015), for a gradient in place of a number: products are inner products, variances are traces of
covariances. Derivations: docs/theory.md. `telegrad.diagnostics.measure` measures them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from telegrad.diagnostics.advice import advice, remarks
from telegrad.diagnostics.gain import Allocation, Coefficients, best_allocation
from telegrad.diagnostics.interval import Interval, bootstrap_interval
from telegrad.diagnostics.plain_data import plain_data
from telegrad.diagnostics.progress import progress, step_gain
from telegrad.diagnostics.rates import rates
from telegrad.diagnostics.table import table
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.numbers import is_number
from telegrad.mge.weights import Form

Unit = Literal["work_units", "seconds"]


@dataclass(frozen=True, repr=False)
class LevelStatistics:
    """What `level_statistics` measured. Sequences are by level, coarsest first.

    Attributes:
        grids: the levels.
        draws: n.
        parameters: how many there are.
        covariance: K_lm = tr Cov(g_l, g_m) of one draw's gradients on levels l and m.
        mean_products: ⟨E g_l, E g_m⟩, unbiased: the mean of ⟨g_l(ω_i), g_m(ω_j)⟩ over i ≠ j.
        kurtosis: E‖x − E x‖⁴/(E‖x − E x‖²)² of the correction x = g_l − g_{l−1}, g_{−1} = 0; the
            relative standard error of its variance is √((kurtosis − 1)/n).
        consistency: ‖mean gradient of own draws − of restricted draws‖ / (3 standard errors); above
            1 the telescoping sum does not hold. None where there were no own draws.
        seconds: of a forward and backward pass, per sample; None if they were not measured.
        separable: whether the losses of several draws are those of each draw alone.
        budget: work units of a step, for batch sizes.
        resampled_covariance, resampled_products: the same of resampled draws, tensors (resamples,
            levels, levels) in double precision; empty for too few draws.
    """

    grids: GridHierarchy
    draws: int
    parameters: int
    covariance: tuple[tuple[float, ...], ...]
    mean_products: tuple[tuple[float, ...], ...]
    kurtosis: tuple[float, ...]
    consistency: tuple[float | None, ...]
    seconds: tuple[float, ...] | None
    separable: bool
    budget: float
    resampled_covariance: Tensor = field(compare=False)
    resampled_products: Tensor = field(compare=False)

    @property
    def work_units(self) -> tuple[float, ...]:
        """c_l of one sample."""
        return self.grids.costs

    @property
    def variance(self) -> tuple[float, ...]:
        """Var g_l = tr Cov g_l of one draw."""
        return tuple(self.covariance[level][level] for level in range(self.grids.levels))

    @property
    def alphas(self) -> tuple[float, ...]:
        """α_l = Cov(g_l, g_{l−1})/Var g_{l−1}, l = 1 … L: makes the variance of g_l − α_l g_{l−1}
        smallest."""
        k = self.covariance
        return tuple(
            k[level][level - 1] / k[level - 1][level - 1] if k[level - 1][level - 1] else 0.0
            for level in range(1, self.grids.levels)
        )

    def correction_variance(self, alphas: Sequence[float] | None = None) -> tuple[float, ...]:
        """V_l = tr Cov(g_l − α_l g_{l−1}), and Var g_0 on level 0; with α = 1 if not given."""
        alphas = (1.0,) * (self.grids.levels - 1) if alphas is None else alphas
        if len(alphas) != self.grids.levels - 1 or not all(map(is_number, alphas)):
            raise ValueError(
                f"LevelStatistics: alphas={alphas!r}; needs {self.grids.levels - 1} numbers."
            )
        k, variances = self.covariance, [self.covariance[0][0]]
        for level, a in enumerate(alphas, start=1):
            own, pair, coarser = k[level][level], k[level][level - 1], k[level - 1][level - 1]
            variances.append(own - 2 * a * pair + a * a * coarser)
        return tuple(variances)

    @property
    def correlation(self) -> tuple[float, ...]:
        """ρ_l of g_l with the finest g_L."""
        own, k = self.variance, self.covariance[-1]
        return tuple(
            k[level] / math.sqrt(v * own[-1]) if v * own[-1] > 0 else 0.0
            for level, v in enumerate(own)
        )

    @property
    def squared_bias(self) -> tuple[float, ...]:
        """‖E g_l − E g_L‖², unbiased and therefore negative at times, where it is about 0."""
        m = self.mean_products
        return tuple(
            m[level][level] - 2 * m[-1][level] + m[-1][-1] for level in range(self.grids.levels)
        )

    @property
    def cosine(self) -> tuple[float, ...]:
        """⟨E g_l, E g_L⟩/(‖E g_l‖ ‖E g_L‖), unbiased products; nan where noise drowns a norm.

        The cosine of the means over the draws would not do: the noise that coupled draws share
        pulls it towards ρ_l.
        """
        m = self.mean_products
        return tuple(_cosine(m[level][level], m[-1][level], m[-1][-1]) for level in range(len(m)))

    @property
    def resolved(self) -> bool:
        """Whether the draws tell the finest mean gradient from 0 (True for too few draws)."""
        norms = self.resampled_products[:, -1, -1]
        return not len(norms) or float(torch.quantile(norms, 0.025)) > 0

    @property
    def noise_scale(self) -> tuple[float, ...]:
        """Var g_l/‖E g_l‖²: this many samples make the noise of their mean gradient as large as the
        mean gradient. Much larger batches are wasted, since noise no longer limits a step.

        nan where the mean gradient is drowned by noise.
        """
        m = self.mean_products
        return tuple(
            v / m[level][level] if m[level][level] > 0 else math.nan
            for level, v in enumerate(self.variance)
        )

    @property
    def rates(self) -> dict[str, float]:
        """Giles' α, β, γ by name; see `telegrad.diagnostics.rates`."""
        return rates(self)

    def costs(self, unit: Unit = "work_units") -> tuple[float, ...]:
        """Cost of one sample on each level.

        Raises:
            ValueError: for another unit, or seconds that were not measured.
        """
        if unit not in get_args(Unit):
            raise ValueError(f"LevelStatistics: unit={unit!r}; needs work_units or seconds.")
        if unit == "seconds" and self.seconds is None:
            raise ValueError("LevelStatistics: no seconds were measured; use timing=3.")
        return self.work_units if unit == "work_units" or self.seconds is None else self.seconds

    def allocation(
        self,
        form: Form | None = None,
        coefficients: Coefficients = "optimal",
        unit: Unit = "work_units",
        budget: float | None = None,
    ) -> Allocation:
        """The best batch sizes, over all choices of levels; see `telegrad.diagnostics.gain`.

        Args:
            form: `nested` or `independent`; the better of the two if not given.
            coefficients: `optimal` α, or `one`.
            unit: of costs and budget.
            budget: of one step, for whole samples; if not given they are real, with N_L = 1.
        """
        return best_allocation(self._covariance, self.costs(unit), form, coefficients, budget)

    def gain(self, allocation: Allocation, unit: Unit = "work_units") -> Interval:
        """Predicted gain over single-scale: the factor of work saved for equal variance.

        The interval is of this allocation, from the bootstrap over draws: levels, batch sizes and α
        stay as they are and are not chosen anew on each resample. An allocation that was chosen on
        these same draws gains a little less on fresh ones; the interval does not allow for that.
        """
        value = float(allocation.gain(self._covariance, self.costs(unit)))
        resampled = allocation.gain(self.resampled_covariance, self.costs(unit))
        return bootstrap_interval(value, resampled)

    def step_gain(self, allocation: Allocation, unit: Unit = "work_units") -> Interval:
        """Predicted gain over steps of one finest sample, their number counted too.

        At most 1 + the finest level's noise scale; see `telegrad.diagnostics.progress`.
        """
        return step_gain(self, allocation, unit)

    def progress(
        self, level: int, unit: Unit = "work_units", batch_size: int | None = None
    ) -> Interval:
        """How much more of the finest loss a unit of work on `level` removes than one on level L.

        ⟨E g_L, E g_l⟩² / ‖E g_L‖⁴ · W_L/W_l, with W_l = c_l Var g_l; negative where the coarse mean
        gradient leads uphill. With a `batch_size`, in steps of so many samples on `level`, compared
        with steps of one on level L. See `telegrad.diagnostics.progress`.
        """
        return progress(self, level, unit, batch_size)

    @property
    def inconsistent(self) -> tuple[int, ...]:
        """Levels whose own draws are not distributed as restricted ones."""
        return tuple(k for k, ratio in enumerate(self.consistency) if ratio and ratio > 1)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What stands in the way of believing the numbers."""
        return remarks(self)

    @property
    def advice(self) -> str:
        """One sentence: what these numbers say to do next."""
        return advice(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as numbers, lists and text, for JSON; None where a number is not known."""
        return plain_data(self)

    def __repr__(self) -> str:
        return table(self)

    @property
    def _covariance(self) -> Tensor:
        return self.resampled_covariance.new_tensor(self.covariance)


def _cosine(own: float, product: float, finest: float) -> float:
    return (
        min(max(product / math.sqrt(own * finest), -1), 1) if own > 0 and finest > 0 else math.nan
    )
