"""What is known about the levels: plain numbers, the table of them, and advice.

The quantities are those of Giles' `mlmc_test` (*Multilevel Monte Carlo methods*, Acta Numerica
2015), for a gradient in place of a number: products are inner products, variances are traces of
covariances. Derivations: docs/theory.md. `telegrad.diagnostics.measure` measures them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from telegrad.diagnostics.gain import COEFFICIENTS, Allocation, Coefficients, best_allocation
from telegrad.mge.allocation import FORMS, Form, is_number
from telegrad.mge.grids import GridHierarchy

Unit = Literal["work_units", "seconds"]

FEWEST = 8
"""Draws below which no confidence interval is given."""

PAYS = 1.1
"""A predicted factor below this is not worth the trouble."""


class Interval(NamedTuple):
    """A number with its 95 % confidence interval; nan for bounds that too few draws don't give."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "unknown"
        bounds = "" if math.isnan(self.low) else f" ({_factor(self.low)}–{_factor(self.high)})"
        return f"{_factor(self.value)}×{bounds}"


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
        resampled_covariance, resampled_products: the same of resampled draws, (resamples, levels,
            levels); empty for too few draws.
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
    resampled_covariance: np.ndarray = field(compare=False)
    resampled_products: np.ndarray = field(compare=False)

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
        k, found = self.covariance, [self.covariance[0][0]]
        for level, a in enumerate(alphas, start=1):
            own, pair, coarser = k[level][level], k[level][level - 1], k[level - 1][level - 1]
            found.append(own - 2 * a * pair + a * a * coarser)
        return tuple(found)

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
        """Of E g_l and E g_L, from the unbiased products; nan where noise drowns one of them.

        The cosine of the means over the draws would not do: the noise that coupled draws share
        draws it to ρ_l.
        """
        m = self.mean_products
        return tuple(_cosine(m[level][level], m[-1][level], m[-1][-1]) for level in range(len(m)))

    @property
    def resolved(self) -> bool:
        """Whether the draws tell the finest mean gradient from 0 (too few draws are not asked)."""
        norms = self.resampled_products[:, -1, -1]
        return not len(norms) or float(np.quantile(norms, 0.025)) > 0

    @property
    def noise_scale(self) -> tuple[float, ...]:
        """Var g_l/‖E g_l‖²: so many samples make the noise of their mean gradient as large as the
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
        """Giles' α, β, γ: ‖E(g_l − g_{l−1})‖ ~ 2^(−αl), V_l ~ 2^(−βl), cost ~ 2^(γl).

        By least squares in log2 over the levels l ≥ 1; nan where fewer than two can be used.
        """
        m, levels = self.mean_products, range(1, self.grids.levels)
        bias = [m[k][k] - 2 * m[k][k - 1] + m[k - 1][k - 1] for k in levels]
        return {
            "alpha": -_slope(bias) / 2,
            "beta": -_slope(self.correction_variance()[1:]),
            "gamma": _slope(self.seconds or self.work_units),
        }

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
        return best_allocation(
            np.array(self.covariance), self.costs(unit), form, coefficients, budget
        )

    def gain(self, allocation: Allocation, unit: Unit = "work_units") -> Interval:
        """Predicted gain over single-scale: the factor of work saved for equal variance.

        The interval is of this allocation, from the bootstrap over draws: levels, batch sizes and α
        stay as they are and are not chosen anew on each resample. An allocation that was chosen on
        these same draws gains a little less on fresh ones; the interval does not hold that.
        """
        value = float(allocation.gain(np.array(self.covariance), self.costs(unit)))
        return _interval(value, allocation.gain(self.resampled_covariance, self.costs(unit)))

    def progress(self, level: int, unit: Unit = "work_units") -> Interval:
        """How much more of the finest loss a unit of work on `level` removes than one on level L.

        Let a step −η ĝ have the mean μ = E ĝ, and the variance W/B where it is given the work B.
        For a loss of curvature h it removes η ⟨E g_L, μ⟩ − η² h (‖μ‖² + W/B)/2 in the mean. With
        the best η, and batches so small that noise limits the step (below `noise_scale`), that is

            ⟨E g_L, μ⟩² / (2 h W)   per unit of work.

        Training on level l has μ = E g_l, W_l = c_l Var g_l; the ratio to level L is

            ⟨E g_L, E g_l⟩² / ‖E g_L‖⁴ · W_L/W_l,

        which weighs what the coarse level misses (its bias) against what it costs. It is also the
        ratio at steps of equal signal to noise, whatever their size. A telescoping sum has μ = E
        g_L, so its ratio is its `gain`: the two can be compared. Negative where the coarse mean
        gradient leads uphill. It looks one step ahead, and takes the curvature to be the same in
        all directions.

        Source: the noise-limited step of McCandlish et al., *An empirical model of large-batch
        training*, 2018.
        """
        self.grids.shape(level)  # refuses one that does not exist
        if level == self.grids.levels - 1:
            return Interval(1.0, 1.0, 1.0)
        value = self._progress(level, unit, *map(np.array, (self.covariance, self.mean_products)))
        again = self._progress(level, unit, self.resampled_covariance, self.resampled_products)
        low = _interval(float(value), np.where(np.isnan(again), -math.inf, again)).low
        return _interval(float(value), np.where(np.isnan(again), math.inf, again))._replace(low=low)

    def _progress(self, level: int, unit: Unit, k: np.ndarray, m: np.ndarray) -> np.ndarray:
        """nan where the finest mean gradient is drowned by noise."""
        costs, product, finest = self.costs(unit), m[..., -1, level], m[..., -1, -1]
        work = costs[-1] * k[..., -1, -1], costs[level] * k[..., level, level]
        known = (finest > 0) & (work[1] > 0)
        below = np.where(known, finest**2 * work[1], 1.0)
        return np.where(known, product * np.abs(product) * work[0] / below, math.nan)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What stands in the way of believing the numbers."""
        found = []
        if not self.separable:
            found.append(
                "The losses of several draws together differ from those of each alone: either they "
                "mix samples (batch normalization in training mode), which can't be diagnosed, or "
                "they are random; use CoupledDropout for dropout."
            )
        if self.draws < FEWEST:
            found.append(f"Too few draws ({self.draws}) for confidence intervals; take {FEWEST}+.")
        for level, k in enumerate(self.kurtosis):
            error = math.sqrt(max(k - 1, 0) / self.draws)
            if k > 100 or error > 0.5:
                found.append(
                    f"The correction's variance on level {level} can't be trusted: kurtosis "
                    f"{k:.0f}, standard error {100 * error:.0f} %. Take more draws."
                )
        if not self.resolved:
            found.append(
                f"{self.draws} draws don't tell the finest mean gradient from 0: cosine, bias and "
                f"progress mean little."
            )
        if self.resolved and self.noise_scale[-1] < self.budget / self.work_units[-1]:
            found.append(
                f"Noise hardly limits a step of {self.budget / self.work_units[-1]:g} samples on "
                f"the finest level (noise scale {self.noise_scale[-1]:.1f}): smaller batches do."
            )
        if inconsistent := self.inconsistent:
            found.append(
                f"The telescoping sum does not hold on level{_s(inconsistent)}: its own draws are "
                f"not distributed as restricted ones (consistency above 1). Coarsen stored images "
                f"by the rule of `restriction`."
            )
        return tuple(found)

    @property
    def inconsistent(self) -> tuple[int, ...]:
        """Levels whose own draws are not distributed as restricted ones."""
        return tuple(k for k, ratio in enumerate(self.consistency) if ratio and ratio > 1)

    @property
    def advice(self) -> str:
        """One sentence: what these numbers say to do next.

        First mend what makes the sum wrong, then take enough draws. Then, of training on a coarser
        level and the best telescoping sum, that with the larger lower bound of progress per work
        unit, if it is surely above 1; else one level.
        """
        if self.inconsistent:
            return (
                f"Don't use the multiscale gradient as it is: the telescoping sum does not hold on "
                f"level{_s(self.inconsistent)}."
            )
        if not self.separable:
            return "Make the losses independent of each other first; see the remark above."
        if self.grids.levels == 1:
            return "There is one level: nothing to choose."
        if self.draws < FEWEST:
            return f"Too few draws ({self.draws}) to advise; take {FEWEST} or more, better 48."
        best = self.allocation(budget=self.budget)
        gain = self.gain(best)
        choices = {level: self.progress(level) for level in range(self.grids.levels - 1)}
        choices[self.grids.levels - 1] = gain
        level = max(choices, key=lambda choice: choices[choice].low)
        if choices[level].low <= 1 or choices[level].value < PAYS:
            said = "one level alone is best" if best.one_level else f"the best is predicted {gain}"
            return f"A telescoping sum does not pay here ({said}); train on one level."
        if level == self.grids.levels - 1:
            return f"Use {_batches(best)}: predicted {gain} less work for the same variance."
        return (
            f"Train on level {level} first: a work unit there lowers the finest loss "
            f"{choices[level]} as much as one on level {self.grids.levels - 1} (cosine of the mean "
            f"gradients {self.cosine[level]:.2f})."
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as numbers, lists and text, for JSON; None where a number is not known."""
        units: tuple[Unit, ...] = ("work_units", "seconds") if self.seconds else ("work_units",)
        allocations = [
            {"unit": unit, "coefficients": coefficients, **_of(best), "gain": self.gain(best, unit)}
            for unit in units
            for form in FORMS
            for coefficients in COEFFICIENTS
            for best in [self.allocation(form, coefficients, unit)]
        ]
        levels = range(self.grids.levels)
        return _plain(
            {
                "finest": self.grids.finest,
                "levels": self.grids.levels,
                "draws": self.draws,
                "parameters": self.parameters,
                "budget": self.budget,
                "covariance": self.covariance,
                "mean_products": self.mean_products,
                "variance": self.variance,
                "correction_variance": self.correction_variance(),
                "correction_variance_with_alphas": self.correction_variance(self.alphas),
                "alphas": self.alphas,
                "correlation": self.correlation,
                "cosine": self.cosine,
                "noise_scale": self.noise_scale,
                "squared_bias": self.squared_bias,
                "kurtosis": self.kurtosis,
                "consistency": self.consistency,
                "work_units": self.work_units,
                "seconds": self.seconds,
                "rates": self.rates,
                "progress": [self.progress(level) for level in levels],
                "allocations": allocations,
                "batch_sizes": _of(self.allocation(budget=self.budget)),
                "separable": self.separable,
                "remarks": self.remarks,
                "advice": self.advice,
            }
        )

    def __repr__(self) -> str:
        levels = list(reversed(range(self.grids.levels)))
        one = "" if len(levels) == 1 else "s"
        lines = [
            f"LevelStatistics: {self.draws} draws on {len(levels)} level{one}, "
            f"{self.parameters:,} parameters",
            f"{'level':>5}{'shape':>10}{'variance':>11}{'V/Var':>8}{'with α':>8}{'α':>7}{'ρ':>7}"
            f"{'kurtosis':>10}{'consistent':>12}",
            *(self._coupling_line(level) for level in levels),
            f"{'level':>5}{'cosine':>10}{'bias²':>11}{'noise scale':>13}{'ms':>8}"
            f"{'work units':>12}  progress",
            *(self._mean_line(level) for level in levels),
        ]
        rates = zip("αβγ", self.rates.values(), strict=True)
        said = ", ".join(f"{sign} = {_number(rate)}" for sign, rate in rates)
        lines.append(f"Rates per level, log2: {said} (mean correction, its variance, cost).")
        if len(levels) > 1:
            lines.append("Predicted gain over one level, work for equal variance:")
            lines += [self._gain_line(form, a) for form in FORMS for a in COEFFICIENTS]
        lines += [f"Remark: {remark}" for remark in self.remarks]
        return "\n".join([*lines, f"Advice: {self.advice}"])

    def _coupling_line(self, level: int) -> str:
        """Variances of gradient and correction, as a row of the table."""
        height, width = self.grids.shape(level)
        own, checked, pair = self.variance[level] or 1.0, self.consistency[level], ["", "", ""]
        if level:
            plain, best = self.correction_variance(), self.correction_variance(self.alphas)
            of = (plain[level] / own, best[level] / own, self.alphas[level - 1])
            pair = [f"{x:.2f}" for x in of]
        return (
            f"{level:>5}{f'{height}×{width}':>10}{self.variance[level]:>11.3g}"
            f"{pair[0]:>8}{pair[1]:>8}{pair[2]:>7}{self.correlation[level]:>7.2f}"
            f"{self.kurtosis[level]:>10.1f}{'–' if checked is None else f'{checked:.2f}':>12}"
        )

    def _mean_line(self, level: int) -> str:
        """Mean gradient, cost and progress, as a row of the table."""
        norm, cosine, bias = self.mean_products[-1][-1], math.nan, math.nan
        if self.resolved and norm > 0:
            cosine, bias = self.cosine[level], max(self.squared_bias[level], 0.0) / norm
        ms = f"{1000 * self.seconds[level]:.3g}" if self.seconds else ""
        finest = level == self.grids.levels - 1
        return (
            f"{level:>5}{_number(cosine):>10}{_number(bias):>11}"
            f"{_number(self.noise_scale[level], 1):>13}{ms:>8}{self.work_units[level]:>12.3g}"
            f"  {'1' if finest else self.progress(level)}"
        )

    def _gain_line(self, form: Form, coefficients: Coefficients) -> str:
        best = self.allocation(form, coefficients)
        said = f"{self.gain(best)} in work units"
        if self.seconds:
            in_seconds = self.gain(self.allocation(form, coefficients, "seconds"), "seconds")
            said += f", {in_seconds} in seconds"
        whole = self.allocation(form, coefficients, budget=self.budget)
        alpha = "best α" if coefficients == "optimal" else "α = 1"
        sizes = "/".join(f"{n:g}" for n in whole.batch_sizes)
        first = f"{whole.coarsest}.." if len(whole.batch_sizes) > 1 else ""
        of = f"batches {sizes} on {first}{self.grids.levels - 1}"
        return f"  {form:<12}{alpha:<7} {said}; {of}"


def _interval(value: float, resampled: np.ndarray) -> Interval:
    if not len(resampled):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(resampled, (0.025, 0.975), method="inverted_cdf")
    return Interval(value, float(low), float(high))


def _cosine(own: float, product: float, finest: float) -> float:
    return (
        min(max(product / math.sqrt(own * finest), -1), 1) if own > 0 and finest > 0 else math.nan
    )


def _slope(values: Sequence[float]) -> float:
    """Of log2 of the positive ones over their places; nan if there are fewer than two."""
    places = [k for k, value in enumerate(values) if value > 0]
    if len(places) < 2:
        return math.nan
    return float(np.polyfit(places, np.log2([values[k] for k in places]), 1)[0])


def _plain(value: Any) -> Any:
    """For JSON: None for nan and infinity, lists and dictionaries for everything with parts."""
    if isinstance(value, Interval):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _of(allocation: Allocation) -> dict[str, Any]:
    return {
        "form": allocation.form,
        "coarsest": allocation.coarsest,
        "batch_sizes": allocation.batch_sizes,
        "alphas": allocation.alphas,
    }


def _batches(allocation: Allocation) -> str:
    sizes = "/".join(f"{n:g}" for n in allocation.batch_sizes)
    if allocation.one_level:
        return f"one level with batch {allocation.batch_sizes[-1]:g}"
    alphas = "/".join(f"{a:.2f}" for a in allocation.alphas)
    levels = f"{allocation.coarsest}..{allocation.coarsest + len(allocation.batch_sizes) - 1}"
    return f"{allocation.form} batches {sizes} on levels {levels} with α {alphas}"


def _number(x: float, decimals: int = 2) -> str:
    return "–" if math.isnan(x) else f"{x:.{decimals}f}"


def _factor(x: float) -> str:
    return "∞" if x == math.inf else f"{x:.2f}" if abs(x) < 10 else f"{x:.0f}"


def _s(levels: Sequence[int]) -> str:
    return f"{'s' * (len(levels) > 1)} {', '.join(map(str, levels))}"
