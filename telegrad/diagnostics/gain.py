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
from itertools import combinations, pairwise
from typing import Literal

import torch
from torch import Tensor

from telegrad.diagnostics.allocation import (
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    variance_weights,
)
from telegrad.mge.weights import FORMS, Form, level_coefficients

Coefficients = Literal["optimal", "one"]
"""The α of an allocation: the best for its form, or 1, the plain telescoping sum."""

COEFFICIENTS: tuple[Coefficients, ...] = ("optimal", "one")

_LEAST = 1e-9
"""Least share of the finest variance that a level counts for: where levels agree exactly, none of
them is left without samples."""

_TIE = 1e-9
"""Relative difference of two gains that may be rounding: the first allocation is then taken. On two
levels both forms gain the same."""

Matrix = list[list[float]]


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
        """Whether only the finest of its levels is used."""
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

    def variance(self, covariance: Tensor) -> Tensor:
        """tr Cov ĝ from per-draw covariances (…, levels, levels); shape (…)."""
        w = covariance.new_tensor(variance_weights(self.batch_sizes, self.form, self.alphas))
        return (covariance[..., self.coarsest :, self.coarsest :] * w).sum((-2, -1))

    def gain(self, covariance: Tensor, costs: Sequence[float]) -> Tensor:
        """Factor of work saved over single-scale for equal variance, shape (…).

        1 where nothing varies.
        """
        single = covariance[..., -1, -1] * costs[-1]
        work = self.variance(covariance) * self.cost(costs)
        return torch.where(work > 0, single / work, 1.0)


def best_allocation(
    covariance: Tensor,
    costs: Sequence[float],
    form: Form | None = None,
    coefficients: Coefficients = "optimal",
    budget: float | None = None,
) -> Allocation:
    """The allocation with the largest gain, over all choices of levels; one level is among them.

    Args:
        covariance: K_lm = tr Cov(g_l, g_m) of one draw's gradients, (levels, levels),
            in double precision.
        costs: c_l of one sample on each level, coarsest first.
        form: `nested` or `independent`; the better of the two if not given.
        coefficients: the best α for the form, or 1.
        budget: for one step, in the unit of `costs`: whole samples. Real ones, N_L = 1, without.

    >>> covariance = torch.tensor([[1.0, 0.95], [0.95, 1.0]], dtype=torch.float64)
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
    best, best_gain = None, 0.0
    for one in FORMS if form is None else (form,):
        for allocation in choose[one](covariance.tolist(), costs, coefficients, budget):
            gain = float(allocation.gain(covariance, costs))
            if best is None or gain > best_gain * (1 + _TIE):
                best, best_gain = allocation, gain
    assert best is not None  # the finest level alone always qualifies
    return best


def explained_variance(covariance: Matrix, coefficients: Coefficients) -> list[float]:
    """R_l, the part of Var g_L that level l explains: 2 A Cov(g_L, g_l) − A² Var g_l.

    R_L = Var g_L. With the best A = Cov(g_L, g_l)/Var g_l it is ρ_l² Var g_L. The nested form's
    variance is Σ (R_l − R_{l−1})/N_l over its levels, so R_l/Var g_L stands where ρ_l² stands.
    """
    own = [row[level] for level, row in enumerate(covariance)]
    with_finest = covariance[-1]
    if coefficients == "one":
        return [2 * c - v for c, v in zip(with_finest, own, strict=True)]
    return [max(c, 0.0) * (c / v) if v > 0 else 0.0 for c, v in zip(with_finest, own, strict=True)]


def _best_nested(
    covariance: Matrix, costs: Sequence[float], coefficients: Coefficients, budget: float | None
) -> list[Allocation]:
    """The one allocation that is the best of this form."""
    explained, finest = explained_variance(covariance, coefficients), len(costs) - 1
    if covariance[finest][finest] <= 0:
        explained = [0.0] * finest + [1.0]  # nothing varies: one level
    sizes: Sequence[float]
    if budget is None:
        sizes = _real_nested(explained, costs)
    else:
        squares = [r / explained[finest] for r in explained]
        correlations = [math.sqrt(min(max(square, 0.0), 1.0)) for square in squares]
        sizes = optimal_nested_batch_sizes(correlations, costs, budget)
    coarsest = max(level for level in range(finest + 1) if sizes[level] == sizes[0])
    a = [1.0] * (finest + 1)
    for level in reversed(range(finest)):
        if coefficients == "optimal":
            used = sizes[level] > sizes[level + 1]
            k = covariance
            a[level] = k[finest][level] / k[level][level] if used else a[level + 1]
    alphas = [a[level] / a[level + 1] for level in range(coarsest, finest)]
    return [Allocation("nested", coarsest, tuple(sizes[coarsest:]), tuple(alphas))]


def _real_nested(explained: Sequence[float], costs: Sequence[float]) -> tuple[float, ...]:
    """N_l ∝ √((R_l − R_{l−1})/c_l) on the best levels to use, N_L = 1.

    Batches must shrink towards the finest level. Where the formula says otherwise the constraint
    holds with equality, which is to leave the level out: another of the choices that are tried.
    """
    finest = len(costs) - 1
    least_work, best = math.inf, (1.0,) * (finest + 1)
    for size in range(finest + 1):
        for coarse in combinations(range(finest), size):
            used = (*coarse, finest)
            added = [explained[used[0]], *(explained[b] - explained[a] for a, b in pairwise(used))]
            if min(added) < 0:
                continue
            added = [max(part, _LEAST * explained[finest]) for part in added]
            own = [costs[level] for level in used]
            n = [math.sqrt(part / c) for part, c in zip(added, own, strict=True)]
            if any(finer > coarser for coarser, finer in pairwise(n)):
                continue
            work = sum(math.sqrt(part * c) for part, c in zip(added, own, strict=True)) ** 2
            if work < least_work:
                of_level = {level: n_l / n[-1] for level, n_l in zip(used, n, strict=True)}
                for level in reversed(range(finest)):
                    of_level.setdefault(level, of_level[level + 1])
                least_work, best = work, tuple(of_level[level] for level in range(finest + 1))
    return best


def _best_independent(
    covariance: Matrix, costs: Sequence[float], coefficients: Coefficients, budget: float | None
) -> list[Allocation]:
    """The best for each coarsest level that it may have; each pair in it is of neighbors."""
    candidates = []
    for coarsest in range(len(costs)):
        own, k = costs[coarsest:], [row[coarsest:] for row in covariance[coarsest:]]
        alphas = _independent_alphas(k, own) if coefficients == "optimal" else (1.0,) * (len(k) - 1)
        if any(alpha <= 0 for alpha in alphas):
            continue
        a, pairs = level_coefficients(len(k), alphas), _pair_costs(own)
        variances = [k[0][0], *(_corrected(k, m + 1, alpha) for m, alpha in enumerate(alphas))]
        weighted = [max(w * w * v, _LEAST * k[-1][-1]) for w, v in zip(a, variances, strict=True)]
        sizes: tuple[float, ...]
        if budget is not None:
            if sum(pairs) > budget and len(k) > 1:
                continue
            sizes = optimal_batch_sizes(weighted, pairs, budget)
        elif weighted[-1] > 0:
            n = [math.sqrt(v / c) for v, c in zip(weighted, pairs, strict=True)]
            sizes = tuple(n_l / n[-1] for n_l in n)
        else:
            sizes = (1.0,) * len(k)
        candidates.append(Allocation("independent", coarsest, sizes, tuple(alphas)))
    return candidates


def _independent_alphas(covariance: Matrix, costs: Sequence[float]) -> tuple[float, ...]:
    """The α that minimise the work of the independent form with its best batch sizes.

    That work is E_L² with E_0 = √(Var g_0 c_0), E_l = √(V_l(α_l) C_l) + α_l E_{l−1}, C_l = c_l +
    c_{l−1}. As E_{l−1} does not depend on α_l, the α are found one after the other: with V_l(α) =
    c (α − b/c)² + r, where c = Var g_{l−1}, b = Cov(g_l, g_{l−1}), the minimum is at

        α_l = b/c − E_{l−1} √( r / (c (c C_l − E_{l−1}²)) ),

    less than the coefficient b/c that makes the correction smallest, because what α_l takes from
    the coarse level must be estimated there. 0 where that is negative.
    """
    k, pairs, alphas = covariance, _pair_costs(costs), []
    work = math.sqrt(max(k[0][0], 0.0) * costs[0])
    for level in range(1, len(costs)):
        c, b = k[level - 1][level - 1], k[level][level - 1]
        rest = max(k[level][level] - b * b / c, 0.0) if c > 0 else 0.0
        slope = c * (c * pairs[level] - work**2)
        alpha = max(b / c - work * math.sqrt(rest / slope), 0.0) if slope > 0 else 0.0
        variance = max(_corrected(k, level, alpha), 0.0)
        work = math.sqrt(variance * pairs[level]) + alpha * work
        alphas.append(alpha)
    return tuple(alphas)


def _corrected(covariance: Matrix, level: int, alpha: float) -> float:
    """tr Cov(g_l − α g_{l−1})."""
    fine, coarse = covariance[level], covariance[level - 1]
    return fine[level] - 2 * alpha * fine[level - 1] + alpha**2 * coarse[level - 1]


def _pair_costs(costs: Sequence[float]) -> list[float]:
    """c_l + c_{l−1}: what a sample of the independent form costs on each level."""
    return [c + (costs[level - 1] if level else 0.0) for level, c in enumerate(costs)]
