"""The multiscale gradient: the finest gradient as a telescoping sum over coarser levels.

    E g_L = E g_0 + Σ_{l=1…L} E(g_l − g_{l−1})

Cheap coarse levels take many samples, the finest takes few. Both forms below are unbiased for the
gradient of the finest level's expected loss, for any batch sizes and any coefficients α that don't
depend on the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor

from telegrad.mge import batches
from telegrad.mge.coupling import StepRandomness
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.mixing import warn_of_mixing
from telegrad.mge.numbers import is_whole
from telegrad.mge.passes import independent, nested, number_of_passes, portions
from telegrad.mge.restriction import Rules
from telegrad.mge.shells import Shells, checked, split
from telegrad.mge.weights import Form, check_batch_sizes


@dataclass(frozen=True)
class Estimate:
    """Losses and cost of one multiscale step. Tensors stay on the device, detached and not awaited.

    Attributes:
        loss: shape (), the telescoping estimate of the finest level's mean loss.
        losses: level → the losses of all draws on that level, in the order of the walk.
        work_units: what the step cost, in finest-level forward + backward passes of one image.
    """

    loss: Tensor
    losses: dict[int, Tensor]
    work_units: float


def multiscale_backward(
    losses: Callable[[Any], Tensor],
    batch: Any,
    grids: GridHierarchy,
    batch_sizes: Sequence[int],
    *,
    form: Form = "nested",
    alphas: Sequence[float] | None = None,
    restriction: Rules = "averaging",
    backward: Callable[[Tensor], object] = torch.Tensor.backward,
    no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
    accumulate: int = 1,
) -> Estimate:
    """Adds the multiscale gradient to `.grad`; takes the place of `loss.backward()`.

    Nested form (default), S_L ⊂ … ⊂ S_0, one pass a level:

        ĝ = Σ_l Σ_{i<N_l} w_{l,i} g_l(ω_i),    w_{l,i} = A_l (1/N_l − [i < N_{l+1}]/N_{l+1})

    Independent form (the paper's), disjoint samples S_l, 2L + 1 passes:

        ĝ = Σ_l A_l 1/N_l Σ_{S_l} (g_l − α_l g_{l−1}),    g_{−1} = 0

    with A_L = 1, A_l = α_{l+1} A_{l+1}. Each pass frees its graph before the next begins, so the
    peak memory is that of one level.

    Args:
        losses: the losses of a batch on one level, one per sample, shape (n,). In independent form
            it may also return their mean, shape (). Each pass is given a copy, with which it may do
            what it likes. A sample's loss must not depend on the others, and what is random in it
            must be the same on all levels: of layers that break this, such as batch normalization
            in training mode or plain dropout, a UserWarning tells once; see `mixing_layers`.
        batch: samples on the finest level: a tensor, or a tuple, list or dictionary of tensors.
            Nested form takes N_0 samples, of which the first N_l serve level l; independent form
            takes Σ N_l, the finest level's first. Or `Shells`, already on their levels. Lists of
            one entry a sample, such as file names, travel with their samples; a string, a number or
            None goes along as it is.
        grids: the levels to walk.
        batch_sizes: N_l, coarsest first.
        form: `"nested"` or `"independent"`.
        alphas: coefficients α_1 … α_L, coarsest first; 1 by default.
        restriction: how fields are carried to the next coarser level; see `restrict`. By default
            fields (n, c, *shape), such as images (n, c, h, w) on plane grids, are averaged and all
            others are left unchanged. With several levels some field must be restricted, and have
            each level's shape: without a channel axis, as (n, h, w), it needs a rule by name.
        backward: what to call on each pass's weighted loss, such as `fabric.backward`.
        no_sync: in which all passes but the last are made, such as `model.no_sync` of
            DistributedDataParallel, so that processes exchange gradients once a step.
        accumulate: so many passes over as equal parts of a level's draws take the place of one, for
            less memory; the gradient is the same up to rounding.

    Example: one level is the ordinary gradient.

    >>> net = torch.nn.Conv2d(3, 3, 3, padding=1)
    >>> images = torch.rand(8, 3, 32, 32)
    >>> def losses(images):
    ...     return (net(images) - images).square().mean((1, 2, 3))
    >>> grids = GridHierarchy(finest=(32, 32), levels=3)
    >>> multiscale_backward(losses, images, grids, batch_sizes=(8, 4, 2)).work_units
    3.5

    Raises:
        TypeError: for grids of another kind, arrays in the batch, or losses that are no tensor of
            real numbers with a gradient.
        ValueError: for `accumulate` that is no whole number from 1 on; if a field requires a
            gradient, and there are several passes; if the batch doesn't have the samples that
            `batch_sizes` asks for, doesn't lie on the finest level, or has no field that is
            restricted; if `restriction` names a field that it doesn't have, or a function in it
            doesn't lead to the next level's size; if a list in the batch has not one entry a
            sample; or if `losses` returns another shape than (n,).

    Source: Ahamed et al., *Multiscale Training of Convolutional Neural Networks*, TMLR 2026
    (independent form); Peherstorfer et al. 2016 (nested samples, coefficients).
    """
    if not isinstance(grids, GridHierarchy):
        raise TypeError(
            f"multiscale_backward: grids of type {type(grids).__name__}; needs a "
            f"GridHierarchy(finest=(height, width), levels=…)."
        )
    if not (is_whole(accumulate) and accumulate >= 1):
        raise ValueError(
            f"multiscale_backward: accumulate={accumulate!r}; needs a whole number from 1 on."
        )
    check_batch_sizes(batch_sizes, grids.levels, form)
    on_levels = checked if isinstance(batch, Shells) else split
    shells = on_levels(batch, grids, batch_sizes, form, restriction)
    if grids.levels > 1:
        warn_of_mixing("multiscale_backward", losses)
    walk = nested if form == "nested" else independent
    whole = walk(shells, grids, batch_sizes, alphas, restriction)
    parts = (part for one in whole for part in portions(one, accumulate))
    passes = number_of_passes(batch_sizes, form, accumulate)

    if passes > 1:
        _check_detached(shells)

    randomness = StepRandomness()
    terms: list[Tensor] = []
    of_level: dict[int, list[Tensor]] = {}
    work = 0.0
    for level, first, samples, weights in parts:
        number = sum(n for n, _ in weights)
        with nullcontext() if len(terms) + 1 == passes else no_sync():
            with randomness.draws(first, number):
                values = losses(batches.copied(samples))
            weighted = _weighted_sum(values, weights, mean_allowed=form == "independent")
            with randomness.again():
                backward(weighted)
        terms.append(weighted.detach())
        of_level.setdefault(level, []).append(values.detach())
        del weighted, values  # and with them the pass's graph, before the next begins
        work += number * grids.cost(level)
    return Estimate(
        loss=reduce(add, terms),
        losses={level: torch.hstack(values) for level, values in sorted(of_level.items())},
        work_units=work,
    )


def _check_detached(shells: Shells) -> None:
    """Raises ValueError for fields that were computed with a gradient: passes free their graph."""
    for part in shells.parts:
        for path, field in batches.fields(part) if part is not None else ():
            if field.requires_grad:
                name = "the batch" if not path else f"field {batches.name_of(path)!r}"
                raise ValueError(
                    f"multiscale_backward: {name} requires a gradient, and several passes need it; "
                    f"compute it inside losses from what does not, or detach it."
                )


def _weighted_sum(
    values: Tensor, weights: tuple[tuple[int, float], ...], mean_allowed: bool
) -> Tensor:
    """Σ_i w_i ℓ_i, from losses of shape (n,), or from their mean where all weights are equal.

    Summed in float32 at least: in float16 losses of 1,000 overflow at 66 samples, and in bfloat16
    a sum of ones stops at 256.
    """
    real = isinstance(values, Tensor) and values.is_floating_point()
    if not (real and values.requires_grad):
        got = values.dtype if isinstance(values, Tensor) else type(values).__name__
        without = " without a gradient" if real or not isinstance(values, Tensor) else ""
        raise TypeError(
            f"multiscale_backward: losses returned {got}{without}; needs a tensor of "
            f"floating point that depends on parameters which require one."
        )
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    number = sum(n for n, _ in weights)
    if not (mean_allowed and values.ndim == 0) and values.shape != (number,):
        raise ValueError(
            f"multiscale_backward: losses returned the shape {tuple(values.shape)} for "
            f"{number} samples; needs ({number},), one loss per sample: for example "
            f"F.mse_loss(output, target, reduction='none').mean((1, 2, 3))."
        )
    each = [(n, w) for n, w in weights if n]
    if len(each) == 1:
        return each[0][1] * (values.sum() if values.ndim else number * values)
    return (torch.cat([values.new_full((n,), w) for n, w in each]) * values).sum()
