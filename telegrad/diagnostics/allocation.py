"""How many samples each level should have, so that the gradient has the least variance.

All sequences are coarsest first. References: Giles, *Multilevel Monte Carlo methods*, Acta Numerica
2015 (independent form); Peherstorfer, Willcox, Gunzburger, *Optimal model management for
multifidelity Monte Carlo estimation*, SIAM J. Sci. Comput. 2016 (nested form).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from operator import itemgetter

from telegrad.mge.numbers import is_number
from telegrad.mge.weights import Form, level_coefficients, nested_weights


def variance_weights(
    batch_sizes: Sequence[float], form: Form = "nested", alphas: Sequence[float] | None = None
) -> list[list[float]]:
    """W with tr Cov ĝ = Σ_{l,m} W_lm K_lm, where K_lm = tr Cov(g_l, g_m) of one draw.

    One draw that is used on several levels contributes wᵀ K w, with w its weights on them; draws
    are independent of each other. Batch sizes may be real numbers here.

    >>> variance_weights((4, 2))
    [[0.25, -0.25], [-0.25, 0.5]]
    """
    levels = range(len(batch_sizes))
    total = [[0.0 for _ in levels] for _ in levels]

    def add(number: float, w: dict[int, float]) -> None:
        for a in w:
            for b in w:
                total[a][b] += number * w[a] * w[b]

    if form == "independent":
        coefficient = level_coefficients(len(batch_sizes), alphas)
        for level, n in enumerate(batch_sizes):
            coarser = {level - 1: -coefficient[level - 1] / n} if level else {}
            add(n, {level: coefficient[level] / n, **coarser})
        return total
    weights = nested_weights(batch_sizes, alphas)
    for shell in levels:
        own = batch_sizes[shell] - (batch_sizes[shell + 1] if shell + 1 < len(levels) else 0)
        add(own, {**{level: weights[level][0] for level in range(shell)}, shell: weights[shell][1]})
    return total


def optimal_batch_sizes(
    variances: Sequence[float], costs: Sequence[float], budget: float
) -> tuple[int, ...]:
    """Best N_l of the independent form: N_l ∝ √(V_l/C_l) with Σ N_l C_l ≤ budget.

    Args:
        variances: V_l, per-sample variance of the correction on level l (level 0: the gradient).
        costs: C_l, cost of one sample of it; in work units c_l + c_{l−1}.
        budget: for one step, in the unit of `costs`.

    >>> optimal_batch_sizes(variances=(1.0, 0.1, 0.01), costs=(1, 5, 20), budget=200)
    (95, 13, 2)

    Raises:
        ValueError: if the budget doesn't buy one sample of each level.
    """
    _check_allocation("optimal_batch_sizes", variances, costs, budget, least=sum)
    if min(variances) < 0:
        raise ValueError(
            f"optimal_batch_sizes: variances={tuple(variances)}; needs numbers of at least 0."
        )
    return _whole_samples(variances, costs, budget)[1]


def optimal_nested_batch_sizes(
    correlations: Sequence[float], costs: Sequence[float], budget: float
) -> tuple[int, ...]:
    """Best N_l of the nested form with optimal coefficients (multifidelity Monte Carlo).

    With ρ_l the correlation of g_l with the finest level's gradient and optimal α, the variance is
    Var g_L · Σ (ρ_l² − ρ_{l−1}²)/N_l, so N_l ∝ √((ρ_l² − ρ_{l−1}²)/c_l) (Peherstorfer et al.,
    theorem 3.4). All subsets of the levels are tried: one that is left out gets the N of the next
    finer level, which gives it weight zero.

    Args:
        correlations: ρ_l, coarsest first; the finest level's own is 1.
        costs: c_l, cost of one sample on level l.
        budget: for one step, in the unit of `costs`.

    >>> optimal_nested_batch_sizes((0.9, 0.98, 1.0), costs=(1/16, 1/4, 1), budget=16)
    (96, 20, 5)

    Raises:
        ValueError: if the budget doesn't buy one sample, or the finest correlation is not 1.
    """
    name = "optimal_nested_batch_sizes"
    _check_allocation(name, correlations, costs, budget, least=itemgetter(-1))
    squares = [rho**2 for rho in correlations]
    finest = len(costs) - 1
    if max(squares) > 1 + 1e-9 or not math.isclose(squares[finest], 1.0):
        raise ValueError(
            f"{name}: correlations={tuple(correlations)}; needs values in [−1, 1], the last one 1 "
            f"(the finest level with itself)."
        )

    best: tuple[float, tuple[int, ...]] | None = None
    for size in range(finest + 1):
        for coarse in combinations(range(finest), size):
            used = (*coarse, finest)
            gains = [
                squares[level] - (squares[used[k - 1]] if k else 0.0)
                for k, level in enumerate(used)
            ]
            c = [costs[level] for level in used]
            if min(gains) <= 0 or sum(c) > budget:
                continue
            variance, n = _whole_samples(gains, c, budget, nested=True)
            if best is None or variance < best[0]:
                of_level = dict(zip(used, n, strict=True))
                for level in reversed(range(finest)):
                    of_level.setdefault(level, of_level[level + 1])
                best = variance, tuple(of_level[level] for level in range(finest + 1))
    assert best is not None  # the finest level alone always qualifies
    return best[1]


def _check_allocation(
    name: str,
    values: Sequence[float],
    costs: Sequence[float],
    budget: float,
    least: Callable[[Sequence[float]], float],
) -> None:
    """Raises ValueError unless these are numbers, one a level, and `budget` buys the least step."""
    if not values or len(values) != len(costs):
        raise ValueError(
            f"{name}: got {len(values)} levels of statistics and {len(costs)} costs; needs one of "
            f"each a level, coarsest first."
        )
    if not all(map(is_number, values)):
        raise ValueError(f"{name}: got {tuple(values)}; needs finite numbers.")
    if not all(is_number(c) and c > 0 for c in costs):
        raise ValueError(f"{name}: costs={tuple(costs)}; needs positive numbers.")
    if not (is_number(budget) and budget >= least(costs)):
        raise ValueError(
            f"{name}: a budget of {budget} doesn't buy one step with one sample, or is not finite; "
            f"needs {least(costs):g} or more."
        )


def _whole_samples(
    variances: Sequence[float],
    costs: Sequence[float],
    budget: float,
    least: int = 1,
    nested: bool = False,
) -> tuple[float, tuple[int, ...]]:
    """min Σ V_l/N_l under Σ N_l C_l ≤ budget, N_l ≥ least, in whole samples; and its N_l.

    The finest level takes the real optimum rounded down or up, whichever leaves the coarser levels
    better off with the rest of the budget; in nested form they have at least as many samples.
    """
    if len(costs) == 1:
        n = max(least, math.floor(budget / costs[0] + 1e-9))
        return variances[0] / n, (n,)
    below = sum(costs[:-1])
    if nested:
        most = math.floor(budget / (costs[-1] + below) + 1e-9)
    else:
        most = math.floor((budget - least * below) / costs[-1] + 1e-9)
    real = math.floor(_real_samples(variances, costs, budget, least)[-1])
    candidates = []
    for n in {min(max(n, least), most) for n in (real, real + 1)}:
        left = budget - n * costs[-1]
        rest, sizes = _whole_samples(
            variances[:-1], costs[:-1], left, n if nested else least, nested
        )
        candidates.append((variances[-1] / n + rest, (*sizes, n)))
    return min(candidates)


def _real_samples(
    variances: Sequence[float], costs: Sequence[float], budget: float, least: float
) -> tuple[float, ...]:
    """The real N_l ≥ least that minimize Σ V_l/N_l under Σ N_l C_l = budget."""
    at_least: set[int] = set()
    while True:
        free = [level for level in range(len(costs)) if level not in at_least]
        left = budget - least * sum(costs[level] for level in at_least)
        scale = sum(math.sqrt(variances[level] * costs[level]) for level in free)
        n = [float(least)] * len(costs)
        for level in free:
            n[level] = math.sqrt(variances[level] / costs[level]) * left / scale if scale else least
        below = {level for level in free if n[level] < least}
        if not below:
            return tuple(n)
        at_least |= below
