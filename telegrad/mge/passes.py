"""The passes of one multiscale step: which draws on which level, with which weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from telegrad.mge import batches
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.levels import next_coarser
from telegrad.mge.restriction import Rules
from telegrad.mge.shells import Shells
from telegrad.mge.weights import Form, level_coefficients, nested_weights, shell_sizes


class LevelPass(NamedTuple):
    """One forward and backward pass over draws on one level.

    `first` is the place of its first draw among the draws of the step. `weights` holds pairs
    (number of draws, weight of each), in the order of the draws.
    """

    level: int
    first: int
    batch: Any
    weights: tuple[tuple[int, float], ...]


def nested(
    shells: Shells,
    grids: GridHierarchy,
    sizes: Sequence[int],
    alphas: Sequence[float] | None,
    rules: Rules,
) -> Iterator[LevelPass]:
    """One walk down the grids: restrict the draws carried so far, join the level's own shell."""
    weights = nested_weights(sizes, alphas)
    carried, n_carried = None, 0
    for level in reversed(range(len(sizes))):
        if carried is not None:
            carried = next_coarser("multiscale_backward", carried, grids, level, rules)
        n_shell = sizes[level] - n_carried
        if n_shell == 0:
            continue  # as many draws as on the finer level: all weights vanish
        shell = shells.parts[level]
        carried = shell if carried is None else batches.join(carried, shell)
        of_carried, of_shell = weights[level]
        yield LevelPass(level, 0, carried, ((n_carried, of_carried), (n_shell, of_shell)))
        n_carried = sizes[level]


def independent(
    shells: Shells,
    grids: GridHierarchy,
    sizes: Sequence[int],
    alphas: Sequence[float] | None,
    rules: Rules,
) -> Iterator[LevelPass]:
    """Each level's own samples, on that level and, subtracted, on the next coarser one."""
    coefficients = level_coefficients(len(sizes), alphas)
    first = 0
    for level in reversed(range(len(sizes))):
        n = sizes[level]
        yield LevelPass(level, first, shells.parts[level], ((n, coefficients[level] / n),))
        if level:
            part = shells.parts[level]
            coarse = next_coarser("multiscale_backward", part, grids, level - 1, rules)
            yield LevelPass(level - 1, first, coarse, ((n, -coefficients[level - 1] / n),))
        first += n


def portions(level_pass: LevelPass, number: int) -> Iterator[LevelPass]:
    """A pass as up to `number` passes over as equal parts of its draws; their sum is the same."""
    level, first, batch, weights = level_pass
    n = sum(size for size, _ in weights)
    parts = min(number, n)
    for part in range(parts):
        start, end = part * n // parts, (part + 1) * n // parts
        rows = batch if parts == 1 else batches.rows(batch, start, end)
        yield LevelPass(level, first + start, rows, _between(weights, start, end))


def number_of_passes(sizes: Sequence[int], form: Form, accumulate: int = 1) -> int:
    """How many there are in a step, each made in up to `accumulate` parts."""
    if form == "nested":
        shells = zip(sizes, shell_sizes(sizes), strict=True)
        return sum(min(n, accumulate) for n, shell in shells if shell)
    return sum(min(n, accumulate) * (2 if level else 1) for level, n in enumerate(sizes))


def _between(
    weights: tuple[tuple[int, float], ...], start: int, end: int
) -> tuple[tuple[int, float], ...]:
    """The weights of the draws from `start` to `end`."""
    kept, at = [], 0
    for n, weight in weights:
        kept.append((max(min(at + n, end) - max(at, start), 0), weight))
        at += n
    return tuple(kept)
