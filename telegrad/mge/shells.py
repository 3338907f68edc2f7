"""Shells: the samples of a step, grouped by the finest level on which each is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telegrad.mge import batches
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.levels import check_level, next_coarser
from telegrad.mge.passengers import boarded
from telegrad.mge.restriction import Rules, check_rules
from telegrad.mge.weights import Form, shell_sizes


@dataclass(frozen=True)
class Shells:
    """A batch whose samples already lie on their own finest level.

    Args:
        parts: a batch for each level, coarsest first. In nested form part l holds N_l − N_{l+1}
            samples (None where that is 0), in independent form it holds N_l.

    A part must be distributed as finest-level samples restricted to its level, or the sum does not
    telescope: coarsen stored images by the rule that `restriction` gives them. Each part may hold
    what a batch may; single things that are no tensors must be the same in all of them.
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.parts, (tuple, list)):
            raise TypeError(
                f"Shells: parts of type {type(self.parts).__name__}; needs a tuple with one batch "
                f"a level, coarsest first."
            )


def split(
    batch: Any,
    grids: GridHierarchy,
    batch_sizes: Sequence[int],
    form: Form = "nested",
    restriction: Rules = "averaging",
) -> Shells:
    """A finest-level batch as shells, each restricted to its own level.

    Raises:
        ValueError: if the batch has more or fewer samples than `batch_sizes` asks for.
    """
    batch = boarded(batch)
    needed = shell_sizes(batch_sizes, form)
    total, got = sum(needed), batches.count(batch)
    if got != total:
        why = "N_0, the coarsest level's" if form == "nested" else "Σ N_l, as no sample is shared"
        raise ValueError(
            f"multiscale_backward: the batch has {got} samples; batch_sizes={tuple(batch_sizes)} "
            f"in {form} form needs {total} ({why}). Set the DataLoader's batch_size={total} and "
            f"drop_last=True."
        )
    if grids.levels > 1:
        check_rules("multiscale_backward", [batch], restriction)
    finest = grids.levels - 1
    check_level("multiscale_backward", batch, grids, finest, restriction, halvings=finest)
    parts: list[Any] = []
    rest = batch
    for level in reversed(range(grids.levels)):
        n = needed[level]
        parts.append(batches.rows(rest, 0, n) if n else None)
        rest = batches.rows(rest, n, batches.count(rest))
        if level and sum(needed[:level]):
            rest = next_coarser("multiscale_backward", rest, grids, level - 1, restriction)
    return Shells(tuple(reversed(parts)))


def checked(
    shells: Shells,
    grids: GridHierarchy,
    batch_sizes: Sequence[int],
    form: Form = "nested",
    restriction: Rules = "averaging",
) -> Shells:
    """The shells of a user, each with its number of samples, on its own level.

    Raises:
        ValueError: if they are not so.
    """
    parts = tuple(None if part is None else boarded(part) for part in shells.parts)
    needed = shell_sizes(batch_sizes, form)
    got = tuple(0 if part is None else batches.count(part) for part in parts)
    if got != needed:
        raise ValueError(
            f"multiscale_backward: shells of {got} samples, coarsest first; "
            f"batch_sizes={tuple(batch_sizes)} in {form} form needs {needed}."
        )
    if grids.levels > 1:
        check_rules("multiscale_backward", [p for p in parts if p is not None], restriction)
    for level, part in enumerate(parts):
        if part is not None:
            halvings = level if form == "nested" else min(level, 1)
            check_level("multiscale_backward", part, grids, level, restriction, halvings)
    return Shells(parts)
