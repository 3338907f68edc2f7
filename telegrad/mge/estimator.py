"""The multiscale gradient: the finest gradient as a telescoping sum over coarser levels.

    E g_L = E g_0 + Σ_{l=1…L} E(g_l − g_{l−1})

Cheap coarse levels take many samples, the finest takes few. Both forms below are unbiased for the
gradient of the finest level's expected loss, for any batch sizes and any coefficients α that don't
depend on the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor

from telegrad.mge import batches
from telegrad.mge.allocation import Form, check_batch_sizes, level_coefficients, nested_weights
from telegrad.mge.coupling import StepRandomness
from telegrad.mge.grids import GridHierarchy, Restriction, restrict

Rules = Restriction | Mapping[Any, Restriction]


@dataclass(frozen=True)
class Shells:
    """A batch whose samples already lie on their own finest level: a part a level, coarsest first.

    In nested form part l holds N_l − N_{l+1} samples (None where that is 0), in independent form
    it holds N_l. A part must be distributed as finest-level samples restricted to its level, or the
    sum does not telescope: coarsen stored images by the rule that `restriction` gives them.
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.parts, (tuple, list)):
            raise TypeError(
                f"Shells: parts of type {type(self.parts).__name__}; needs a tuple with a batch a "
                f"level, coarsest first."
            )


@dataclass(frozen=True)
class Estimate:
    """What one multiscale step saw. Tensors stay on the device, detached; nothing waits for them.

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
) -> Estimate:
    """Adds the multiscale gradient to `.grad`; stands where `loss.backward()` stood.

    Nested form (default), S_L ⊂ … ⊂ S_0, one pass a level:

        ĝ = Σ_l Σ_{i<N_l} w_{l,i} g_l(ω_i),    w_{l,i} = A_l (1/N_l − [i < N_{l+1}]/N_{l+1})

    Independent form (the paper's), disjoint samples S_l, 2L + 1 passes:

        ĝ = Σ_l A_l 1/N_l Σ_{S_l} (g_l − α_l g_{l−1}),    g_{−1} = 0

    with A_L = 1, A_l = α_{l+1} A_{l+1}. Each pass frees its graph before the next begins, so the
    peak memory is that of one level.

    Args:
        losses: the losses of a batch on one level, one per sample, shape (n,). In independent form
            it may also return their mean, shape ().
        batch: samples on the finest level: a tensor, or a tuple, list or dictionary of tensors.
            Nested form takes N_0 samples, of which the first N_l serve level l; independent form
            takes Σ N_l, the finest level's first. Or `Shells`, already on their levels.
        grids: the levels to walk.
        batch_sizes: N_l, coarsest first.
        form: `"nested"` or `"independent"`.
        alphas: coefficients α_1 … α_L, coarsest first; 1 by default.
        restriction: how fields are carried to the next coarser level; see `restrict`. By default
            fields (n, c, h, w) are averaged and all others are left unchanged.
        backward: what to call on each pass's weighted loss, such as `fabric.backward`.

    Example: one level is the ordinary gradient.

    >>> net = torch.nn.Conv2d(3, 3, 3, padding=1)
    >>> images = torch.rand(8, 3, 32, 32)
    >>> def losses(images):
    ...     return (net(images) - images).square().mean((1, 2, 3))
    >>> grids = GridHierarchy(finest=(32, 32), levels=3)
    >>> multiscale_backward(losses, images, grids, batch_sizes=(8, 4, 2)).work_units
    3.5

    Raises:
        ValueError: if the batch doesn't have the samples that `batch_sizes` asks for, doesn't lie
            on the finest level, or `losses` returns another shape than (n,).

    Source: Ahamed et al., *Multiscale Training of Convolutional Neural Networks*, TMLR 2026
    (independent form); Peherstorfer et al. 2016 (nested samples, coefficients).
    """
    if not isinstance(grids, GridHierarchy):
        raise TypeError(
            f"multiscale_backward: grids of type {type(grids).__name__}; needs a "
            f"GridHierarchy(finest=(height, width), levels=…)."
        )
    check_batch_sizes(batch_sizes, grids.levels, form)
    if isinstance(batch, Shells):
        shells = batch
    else:
        shells = split(batch, grids, batch_sizes, form, restriction)
    _check_shells(shells, grids, batch_sizes, form)
    walk = _nested if form == "nested" else _independent

    randomness = StepRandomness()
    estimate: list[Tensor] = []
    seen: dict[int, list[Tensor]] = {}
    work = 0.0
    for level, first, fields, weights in walk(shells, batch_sizes, alphas, restriction):
        number = sum(n for n, _ in weights)
        with randomness.draws(first, number):
            values = losses(fields)
        weighted = _weighted_sum(values, weights, mean_allowed=form == "independent")
        backward(weighted)
        estimate.append(weighted.detach())
        seen.setdefault(level, []).append(values.detach().reshape(-1))
        work += number * grids.cost(level)
    return Estimate(
        loss=torch.stack(estimate).sum(),
        losses={level: torch.cat(values) for level, values in sorted(seen.items())},
        work_units=work,
    )


class _Pass(NamedTuple):
    """One forward and backward pass over draws on one level.

    `weights` holds runs (number of draws, weight of each), in the order of the draws; `first` is
    the number of the pass's first draw in the step.
    """

    level: int
    first: int
    batch: Any
    weights: tuple[tuple[int, float], ...]


def _nested(
    shells: Shells, sizes: Sequence[int], alphas: Sequence[float] | None, rules: Rules
) -> Iterator[_Pass]:
    """One walk down the grids: restrict what was carried so far, join the level's own shell."""
    weights = nested_weights(sizes, alphas)
    carried, n_carried = None, 0
    for level in reversed(range(len(sizes))):
        if carried is not None:
            carried = restrict(carried, rules)
        n_shell = sizes[level] - n_carried
        if n_shell == 0:
            continue  # as many draws as on the finer level: all weights vanish
        shell = shells.parts[level]
        carried = shell if carried is None else batches.join(carried, shell)
        of_carried, of_shell = weights[level]
        yield _Pass(level, 0, carried, ((n_carried, of_carried), (n_shell, of_shell)))
        n_carried = sizes[level]


def _independent(
    shells: Shells, sizes: Sequence[int], alphas: Sequence[float] | None, rules: Rules
) -> Iterator[_Pass]:
    """Each level's own samples, on that level and, subtracted, on the next coarser one."""
    coefficients = level_coefficients(len(sizes), alphas)
    first = 0
    for level in reversed(range(len(sizes))):
        n = sizes[level]
        yield _Pass(level, first, shells.parts[level], ((n, coefficients[level] / n),))
        if level:
            coarse = restrict(shells.parts[level], rules)
            yield _Pass(level - 1, first, coarse, ((n, -coefficients[level - 1] / n),))
        first += n


def split(
    batch: Any,
    grids: GridHierarchy,
    batch_sizes: Sequence[int],
    form: Form = "nested",
    restriction: Rules = "averaging",
) -> Shells:
    """A finest-level batch as shells, each restricted to its own level."""
    needed = shell_sizes(batch_sizes, form)
    total, got = sum(needed), batches.count(batch)
    if got != total:
        why = "N_0, the coarsest level's" if form == "nested" else "Σ N_l, as no sample is shared"
        raise ValueError(
            f"multiscale_backward: the batch has {got} samples; batch_sizes={tuple(batch_sizes)} "
            f"in {form} form needs {total} ({why}). Set the DataLoader's batch_size={total} and "
            f"drop_last=True."
        )
    parts: list[Any] = []
    rest = batch
    for level in reversed(range(grids.levels)):
        n = needed[level]
        parts.append(batches.rows(rest, 0, n) if n else None)
        rest = batches.rows(rest, n, batches.count(rest))
        if level and sum(needed[:level]):
            rest = restrict(rest, restriction)
    return Shells(tuple(reversed(parts)))


def shell_sizes(batch_sizes: Sequence[int], form: Form = "nested") -> tuple[int, ...]:
    """How many samples have each level as their finest, coarsest first.

    >>> shell_sizes((128, 64, 32, 16)), shell_sizes((128, 64, 32, 16), "independent")
    ((64, 32, 16, 16), (128, 64, 32, 16))
    """
    if form == "independent":
        return tuple(batch_sizes)
    finer = (*batch_sizes[1:], 0)
    return tuple(n - n_finer for n, n_finer in zip(batch_sizes, finer, strict=True))


def _check_shells(shells: Shells, grids: GridHierarchy, sizes: Sequence[int], form: Form) -> None:
    needed = shell_sizes(sizes, form)
    got = tuple(0 if part is None else batches.count(part) for part in shells.parts)
    if got != needed:
        raise ValueError(
            f"multiscale_backward: shells of {got} samples, coarsest first; "
            f"batch_sizes={tuple(sizes)} in {form} form needs {needed}."
        )

    for level, part in enumerate(shells.parts):
        if part is not None:
            check_level("multiscale_backward", part, grids, level)


def check_level(name: str, batch: Any, grids: GridHierarchy, level: int) -> None:
    """Raises ValueError if the batch has images, and none of the size that `level` has."""
    shapes = [tuple(field.shape[-2:]) for _, field in batches.fields(batch) if field.ndim == 4]
    height, width = grids.shape(level)
    if shapes and (height, width) not in shapes:
        raise ValueError(
            f"{name}: images of {shapes[0][0]}×{shapes[0][1]} where level {level} of the grids has "
            f"{height}×{width}. Build the grids with the size of the batch's images: "
            f"GridHierarchy(finest=(height, width), …)."
        )


def _weighted_sum(
    values: Tensor, weights: tuple[tuple[int, float], ...], mean_allowed: bool
) -> Tensor:
    """Σ_i w_i ℓ_i, from losses of shape (n,), or from their mean where all weights are equal."""
    if not (isinstance(values, Tensor) and values.requires_grad):
        got = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise TypeError(
            f"multiscale_backward: losses returned {got} without a gradient; needs a tensor of "
            f"floating point that depends on parameters which require one."
        )
    counts = [n for n, _ in weights]
    if mean_allowed and values.ndim == 0:
        return weights[0][1] * counts[0] * values
    if values.shape != (sum(counts),):
        raise ValueError(
            f"multiscale_backward: losses returned the shape {tuple(values.shape)} for "
            f"{sum(counts)} samples; needs ({sum(counts)},), one loss per sample: for example "
            f"F.mse_loss(output, target, reduction='none').mean((1, 2, 3))."
        )
    runs = values.split(counts)
    weighted = (w * run.sum() for run, (n, w) in zip(runs, weights, strict=True) if n)
    return reduce(add, weighted)
