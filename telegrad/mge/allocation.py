"""How many samples on which level, as pure numbers: cost, weights, variance, best batch sizes.

N_l is the number of samples on level l, C_l the cost of one, α_l the coefficient of level l − 1 in
the correction g_l − α_l g_{l−1}. All sequences are coarsest first. References: Giles, *Multilevel
Monte Carlo methods*, Acta Numerica 2015; Peherstorfer, Willcox, Gunzburger, *Optimal model
management for multifidelity Monte Carlo estimation*, SIAM J. Sci. Comput. 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from numbers import Integral, Real
from operator import itemgetter
from typing import Any, Literal

Form = Literal["nested", "independent"]
"""`nested`: S_L ⊂ … ⊂ S_0, one pass a level. `independent`: disjoint samples, the paper's form."""

FORMS: tuple[Form, ...] = ("nested", "independent")


def is_whole(x: Any) -> bool:
    """Whether it is a whole number: an int, or numpy's."""
    return isinstance(x, Integral)


def is_number(x: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(x, Real) and math.isfinite(x)


def geometric_batch_sizes(levels: int, finest: int = 16, ratio: int = 2) -> tuple[int, ...]:
    """`finest` samples on the finest level, `ratio` times more on each coarser one.

    >>> geometric_batch_sizes(levels=4, finest=16, ratio=2)
    (128, 64, 32, 16)
    """
    if not all(is_whole(n) and n >= 1 for n in (levels, finest, ratio)):
        raise ValueError(
            f"geometric_batch_sizes: levels={levels!r}, finest={finest!r}, ratio={ratio!r}; needs "
            f"whole numbers of at least 1."
        )
    return tuple(finest * ratio**coarsening for coarsening in reversed(range(levels)))


def check_batch_sizes(batch_sizes: Sequence[int], levels: int, form: Form = "nested") -> None:
    """Raises ValueError unless `batch_sizes` suits `levels` levels and the form."""
    if form not in FORMS:
        raise ValueError(f"form={form!r}: needs one of {', '.join(FORMS)}.")
    if isinstance(batch_sizes, str) or not isinstance(batch_sizes, Sequence):
        raise TypeError(
            f"batch_sizes={batch_sizes!r}: needs a tuple of whole numbers, one a level, coarsest "
            f"first."
        )
    if len(batch_sizes) != levels or not levels:
        raise ValueError(
            f"batch_sizes={tuple(batch_sizes)}: got {len(batch_sizes)} for {levels} "
            f"level{'s' * (levels != 1)}; needs one a level, coarsest first."
        )
    if not all(is_whole(size) and size >= 1 for size in batch_sizes):
        raise ValueError(f"batch_sizes={tuple(batch_sizes)}: needs whole numbers of at least 1.")
    for level in range(1, levels):
        if form == "nested" and batch_sizes[level] > batch_sizes[level - 1]:
            raise ValueError(
                f"batch_sizes={tuple(batch_sizes)}: {batch_sizes[level]} on level {level} but only "
                f"{batch_sizes[level - 1]} on the coarser level {level - 1}. In nested form every "
                f"sample of a level is also on the coarser ones, so sizes may not grow towards the "
                f"finest level, where a sample costs 4 times as much. Coarsest comes first: did "
                f"you mean {tuple(sorted(batch_sizes, reverse=True))}? form='independent' allows "
                f"it as it is."
            )


def work_units(
    batch_sizes: Sequence[int], form: Form = "nested", finest_cost: float = 1.0
) -> float:
    """Work units of one step, in forward + backward passes of one finest-level image.

    Nested: Σ N_l c_l. Independent: Σ N_l (c_l + c_{l−1}). c_l = finest_cost · 4^(l − L). In nested
    form a level with as many samples as the next finer one has no weight and is not walked.

    >>> work_units((128, 64, 32, 16), "independent"), work_units((128, 64, 32, 16), "nested")
    (37.0, 30.0)
    """
    levels = len(batch_sizes) if isinstance(batch_sizes, Sequence) else 1
    check_batch_sizes(batch_sizes, levels, form)
    if not (is_number(finest_cost) and finest_cost > 0):
        raise ValueError(f"work_units: finest_cost={finest_cost!r}, needs a positive number.")
    finest = len(batch_sizes) - 1
    cost = [finest_cost * 4.0 ** (level - finest) for level in range(len(batch_sizes))]
    if form == "independent":
        return sum(
            n * (cost[level] + (cost[level - 1] if level else 0.0))
            for level, n in enumerate(batch_sizes)
        )
    finer = [*batch_sizes[1:], 0]
    return sum(n * c for n, c, n_finer in zip(batch_sizes, cost, finer, strict=True) if n > n_finer)


def level_coefficients(levels: int, alphas: Sequence[float] | None = None) -> tuple[float, ...]:
    """A_L = 1, A_l = α_{l+1} A_{l+1}: what level l contributes to the telescoping sum.

    `alphas` holds α_1 … α_L, coarsest first; all 1 if not given.
    """
    alphas = [1.0] * (levels - 1) if alphas is None else list(alphas)
    if len(alphas) != levels - 1:
        raise ValueError(
            f"alphas={tuple(alphas)}: got {len(alphas)} for {levels} levels; needs α_1 … α_L, one "
            f"for each pair of neighbouring levels ({levels - 1}), coarsest first."
        )
    if not all(map(is_number, alphas)):
        raise ValueError(f"alphas={tuple(alphas)}: needs finite numbers.")
    return tuple(math.prod(alphas[level:]) for level in range(levels))


def nested_weights(
    batch_sizes: Sequence[float], alphas: Sequence[float] | None = None
) -> tuple[tuple[float, float], ...]:
    """Weights of a level's samples in nested form, coarsest first, as pairs (carried, shell).

    w_{l,i} = A_l (1/N_l − [i < N_{l+1}]/N_{l+1}): the first N_{l+1} samples are carried down from
    the finer level, the others are the level's own shell.

    >>> nested_weights((4, 2))
    ((-0.25, 0.25), (0.0, 0.5))
    """
    coefficients = level_coefficients(len(batch_sizes), alphas)
    finest = len(batch_sizes) - 1
    return tuple(
        (a * (1 / n - 1 / batch_sizes[level + 1]) if level < finest else 0.0, a / n)
        for level, (a, n) in enumerate(zip(coefficients, batch_sizes, strict=True))
    )


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
    found = []
    for n in {min(max(n, least), most) for n in (real, real + 1)}:
        left = budget - n * costs[-1]
        rest, sizes = _whole_samples(
            variances[:-1], costs[:-1], left, n if nested else least, nested
        )
        found.append((variances[-1] / n + rest, (*sizes, n)))
    return min(found)


def _real_samples(
    variances: Sequence[float], costs: Sequence[float], budget: float, least: float
) -> tuple[float, ...]:
    """The real N_l ≥ least that minimise Σ V_l/N_l under Σ N_l C_l = budget."""
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
