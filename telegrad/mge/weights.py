"""How many samples on which level, what they cost, and the weight of each in the sum.

N_l is the number of samples on level l, C_l the cost of one, α_l the coefficient of level l − 1 in
the correction g_l − α_l g_{l−1}. All sequences are coarsest first. References: Giles, *Multilevel
Monte Carlo methods*, Acta Numerica 2015; Peherstorfer, Willcox, Gunzburger, *Optimal model
management for multifidelity Monte Carlo estimation*, SIAM J. Sci. Comput. 2016.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from telegrad.mge.numbers import is_number, is_whole

Form = Literal["nested", "independent"]
"""`nested`: S_L ⊂ … ⊂ S_0, one pass a level. `independent`: disjoint samples, the paper's form."""

FORMS: tuple[Form, ...] = ("nested", "independent")


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
                f"finest level, where a sample costs most. Coarsest comes first: did "
                f"you mean {tuple(sorted(batch_sizes, reverse=True))}? form='independent' allows "
                f"it as it is."
            )


def work_units(
    batch_sizes: Sequence[int],
    form: Form = "nested",
    finest_cost: float = 1.0,
    costs: Sequence[float] | None = None,
) -> float:
    """Work units of one step, in forward + backward passes of one finest-level image.

    Nested: Σ N_l c_l. Independent: Σ N_l (c_l + c_{l−1}). In nested form a level with as many
    samples as the next finer one has no weight and is not walked.

    Args:
        batch_sizes: N_l, coarsest first.
        form: of the sum.
        finest_cost: c_L; images in the plane have c_l = c_L · 4^(l − L).
        costs: c_l themselves, coarsest first, as those of `GridHierarchy.costs`; c_L is in them.

    >>> work_units((128, 64, 32, 16), "independent"), work_units((128, 64, 32, 16), "nested")
    (37.0, 30.0)

    Raises:
        TypeError, ValueError: for sizes that don't suit the form, costs that are not positive
            numbers, one a level, or both `costs` and `finest_cost`.
    """
    levels = len(batch_sizes) if isinstance(batch_sizes, Sequence) else 1
    check_batch_sizes(batch_sizes, levels, form)
    if not (is_number(finest_cost) and finest_cost > 0):
        raise ValueError(f"work_units: finest_cost={finest_cost!r}, needs a positive number.")
    cost = [finest_cost * 4.0 ** (level + 1 - levels) for level in range(levels)]
    if costs is not None:
        if finest_cost != 1:
            raise ValueError(
                f"work_units: finest_cost={finest_cost!r} and costs={tuple(costs)}; needs one of "
                f"them, as the last of costs is that of the finest level."
            )
        cost = list(costs)
        if len(cost) != levels or not all(is_number(c) and c > 0 for c in cost):
            raise ValueError(
                f"work_units: costs={tuple(cost)} for {levels} level{'s' * (levels > 1)}; needs "
                f"one positive number each, coarsest first."
            )
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
            f"for each pair of neighboring levels ({levels - 1}), coarsest first."
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


def shell_sizes(batch_sizes: Sequence[int], form: Form = "nested") -> tuple[int, ...]:
    """How many samples have each level as their finest, coarsest first.

    >>> shell_sizes((128, 64, 32, 16)), shell_sizes((128, 64, 32, 16), "independent")
    ((64, 32, 16, 16), (128, 64, 32, 16))
    """
    if form == "independent":
        return tuple(batch_sizes)
    finer = (*batch_sizes[1:], 0)
    return tuple(n - n_finer for n, n_finer in zip(batch_sizes, finer, strict=True))
