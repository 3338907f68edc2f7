"""What sharing the work of a step among levels saves, from the covariances of the levels.

The work that a mean over N samples of cost C and variance V needs for a given variance is V·C: half
the variance takes twice the samples. So the *gain* of a multiscale gradient over single-scale is

    gain = (Var g_L · c_L) / (tr Cov ĝ · cost of ĝ),

the variance of single-scale at the same cost over the variance of this: the factor of work saved
for equal variance. It does not change if all batch sizes are doubled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from telegrad.mge.allocation import (
    FORMS,
    Form,
    level_coefficients,
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    variance_weights,
)

Coefficients = Literal["optimal", "one"]
"""The α of an allocation: the best for its form, or 1, the plain telescoping sum."""

COEFFICIENTS: tuple[Coefficients, ...] = ("optimal", "one")

_LEAST = (
    1e-9  # of the finest variance: where levels agree exactly, no level is left without samples
)


@dataclass(frozen=True)
class Allocation:
    """Batch sizes on the levels `coarsest` … L, coarsest first; whole, or real with N_L = 1.

    In nested form a level with as many samples as the next finer one is not used.
    """

    form: Form
    coarsest: int
    batch_sizes: tuple[float, ...]
    alphas: tuple[float, ...]

    @property
    def one_level(self) -> bool:
        return len(set(self.batch_sizes)) == 1 and (
            self.form == "nested" or len(self.batch_sizes) == 1
        )

    def cost(self, costs: Sequence[float]) -> float:
        """Cost of a step: Σ N_l c_l over the used levels, or Σ N_l (c_l + c_{l−1})."""
        own = costs[self.coarsest :]
        if self.form == "independent":
            return sum(n * c for n, c in zip(self.batch_sizes, _pair_costs(own), strict=True))
        finer = [*self.batch_sizes[1:], 0]
        walked = zip(self.batch_sizes, own, finer, strict=True)
        return sum(n * c for n, c, n_finer in walked if n > n_finer)

    def variance(self, covariance: np.ndarray) -> np.ndarray:
        """tr Cov ĝ from per-draw covariances (…, levels, levels); shape (…)."""
        weights = np.array(variance_weights(self.batch_sizes, self.form, self.alphas))
        return (covariance[..., self.coarsest :, self.coarsest :] * weights).sum((-2, -1))

    def gain(self, covariance: np.ndarray, costs: Sequence[float]) -> np.ndarray:
        """Factor of work saved over single-scale for equal variance, shape (…)."""
        single = covariance[..., -1, -1] * costs[-1]
        work = self.variance(covariance) * self.cost(costs)
        return np.divide(single, work, out=np.ones_like(single * work), where=work > 0)


def best_allocation(
    covariance: np.ndarray,
    costs: Sequence[float],
    form: Form | None = None,
    coefficients: Coefficients = "optimal",
    budget: float | None = None,
) -> Allocation:
    """The allocation with the largest gain, over all choices of levels; one level is among them.

    Args:
        covariance: K_lm = tr Cov(g_l, g_m) of one draw's gradients, (levels, levels).
        costs: c_l of one sample on each level, coarsest first.
        form: `nested` or `independent`; the better of the two if not given.
        coefficients: the best α for the form, or 1.
        budget: for one step, in the unit of `costs`: whole samples. Real ones, N_L = 1, without.

    >>> covariance = np.array([[1.0, 0.95], [0.95, 1.0]])
    >>> best_allocation(covariance, (0.25, 1.0), "nested", budget=16).batch_sizes
    (40, 6)

    Raises:
        ValueError: for another form or coefficients, or if the budget doesn't buy one sample on the
            finest level.
    """
    if form not in (None, *FORMS) or coefficients not in COEFFICIENTS:
        raise ValueError(
            f"allocation: form={form!r}, coefficients={coefficients!r}; needs one of {FORMS} and "
            f"one of {COEFFICIENTS}."
        )
    choose = {"nested": _best_nested, "independent": _best_independent}
    found = [
        choose[one](covariance, costs, coefficients, budget)
        for one in (FORMS if form is None else (form,))
    ]
    return max(found, key=lambda allocation: float(allocation.gain(covariance, costs)))


def explained_variance(covariance: np.ndarray, coefficients: Coefficients) -> np.ndarray:
    """R_l, the part of Var g_L that level l explains: 2 A Cov(g_L, g_l) − A² Var g_l.

    R_L = Var g_L. With the best A = Cov(g_L, g_l)/Var g_l it is ρ_l² Var g_L. The nested form's
    variance is Σ (R_l − R_{l−1})/N_l over its levels, so R_l/Var g_L stands where ρ_l² stands.
    """
    own, with_finest = covariance.diagonal(), covariance[-1].clip(0)
    if coefficients == "one":
        return 2 * covariance[-1] - own
    return np.divide(with_finest**2, own, out=np.zeros_like(own), where=own > 0)


def _best_nested(
    covariance: np.ndarray, costs: Sequence[float], coefficients: Coefficients, budget: float | None
) -> Allocation:
    explained, finest = explained_variance(covariance, coefficients), len(costs) - 1
    if covariance[finest, finest] <= 0:
        explained = np.eye(len(costs))[finest]  # nothing varies: one level
    if budget is None:
        sizes = _real_nested(explained, costs)
    else:
        correlations = np.sqrt((explained / explained[finest]).clip(0, 1)).tolist()
        sizes = optimal_nested_batch_sizes(correlations, costs, budget)
    coarsest = max(level for level in range(finest + 1) if sizes[level] == sizes[0])
    used = [n > finer for n, finer in zip(sizes, (*sizes[1:], 0), strict=True)]
    a = np.ones(finest + 1)
    for level in reversed(range(finest)):
        best = covariance[finest, level] / covariance[level, level] if used[level] else a[level + 1]
        a[level] = best if coefficients == "optimal" else 1.0
    alphas = (a[coarsest:-1] / a[coarsest + 1 :]).tolist()
    return Allocation("nested", coarsest, tuple(sizes[coarsest:]), tuple(alphas))


def _real_nested(explained: np.ndarray, costs: Sequence[float]) -> tuple[float, ...]:
    """N_l ∝ √((R_l − R_{l−1})/c_l) on the best levels to use, N_L = 1.

    Batches must shrink towards the finest level. Where the formula says otherwise the constraint
    holds with equality, which is to leave the level out: another of the choices that are tried.
    """
    finest = len(costs) - 1
    best = (math.inf, (1.0,) * (finest + 1))
    for size in range(finest + 1):
        for coarse in combinations(range(finest), size):
            used = (*coarse, finest)
            parts = np.diff([0.0, *explained[list(used)]])
            if parts.min() < 0:
                continue
            parts = parts.clip(_LEAST * explained[finest])
            own = np.array([costs[level] for level in used])
            n = np.sqrt(parts / own)
            if (np.diff(n) > 0).any():
                continue
            work = float(np.sqrt(parts * own).sum() ** 2)
            if work < best[0]:
                of_level = dict(zip(used, (n / n[-1]).tolist(), strict=True))
                for level in reversed(range(finest)):
                    of_level.setdefault(level, of_level[level + 1])
                best = work, tuple(of_level[level] for level in range(finest + 1))
    return best[1]


def _best_independent(
    covariance: np.ndarray, costs: Sequence[float], coefficients: Coefficients, budget: float | None
) -> Allocation:
    """Over the coarsest levels that it may have; each pair in it is of neighbours."""
    found = []
    for coarsest in range(len(costs)):
        own, k = costs[coarsest:], covariance[coarsest:, coarsest:]
        alphas = _independent_alphas(k, own) if coefficients == "optimal" else (1.0,) * (len(k) - 1)
        if any(alpha <= 0 for alpha in alphas):
            continue
        a, pairs = level_coefficients(len(k), alphas), _pair_costs(own)
        variances = [
            k[0, 0],
            *(_corrected(k, level, alphas[level - 1]) for level in range(1, len(k))),
        ]
        weighted = [
            max(w * w * float(v), _LEAST * float(k[-1, -1]))
            for w, v in zip(a, variances, strict=True)
        ]
        sizes: tuple[float, ...]
        if budget is not None:
            if sum(pairs) > budget and len(k) > 1:
                continue
            sizes = optimal_batch_sizes(weighted, pairs, budget)
        elif weighted[-1] > 0:
            n = np.sqrt(np.array(weighted) / np.array(pairs))
            sizes = tuple((n / n[-1]).tolist())
        else:
            sizes = (1.0,) * len(k)
        found.append(Allocation("independent", coarsest, sizes, tuple(alphas)))
    return max(found, key=lambda allocation: float(allocation.gain(covariance, costs)))


def _independent_alphas(covariance: np.ndarray, costs: Sequence[float]) -> tuple[float, ...]:
    """The α that minimise the work of the independent form with its best batch sizes.

    That work is E_L² with E_0 = √(Var g_0 c_0), E_l = √(V_l(α_l) C_l) + α_l E_{l−1}, C_l = c_l +
    c_{l−1}. As E_{l−1} does not depend on α_l, each α_l is found in its turn: with V_l(α) =
    c (α − b/c)² + r, where c = Var g_{l−1}, b = Cov(g_l, g_{l−1}), the minimum is at

        α_l = b/c − E_{l−1} √( r / (c (c C_l − E_{l−1}²)) ),

    less than the coefficient b/c that makes the correction smallest, because what α_l takes from
    the coarse level must be estimated there. 0 where that is negative.
    """
    work, pairs, alphas = math.sqrt(covariance[0, 0] * costs[0]), _pair_costs(costs), []
    for level in range(1, len(costs)):
        c, b = covariance[level - 1, level - 1], covariance[level, level - 1]
        rest = max(covariance[level, level] - b * b / c, 0.0) if c > 0 else 0.0
        slope = c * (c * pairs[level] - work**2)
        alpha = max(float(b / c - work * math.sqrt(rest / slope)), 0.0) if slope > 0 else 0.0
        variance = max(_corrected(covariance, level, alpha), 0.0)
        work = math.sqrt(variance * pairs[level]) + alpha * work
        alphas.append(alpha)
    return tuple(alphas)


def _corrected(covariance: np.ndarray, level: int, alpha: float) -> float:
    """tr Cov(g_l − α g_{l−1})."""
    k, l, m = covariance, level, level - 1  # noqa: E741
    return float(k[l, l] - 2 * alpha * k[l, m] + alpha**2 * k[m, m])


def _pair_costs(costs: Sequence[float]) -> list[float]:
    """c_l + c_{l−1}: what a sample of the independent form costs on each level."""
    return [c + (costs[level - 1] if level else 0.0) for level, c in enumerate(costs)]
