"""Batch sizes and steps by level, where nothing is said: the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.weights import geometric_batch_sizes

PAPER_STEPS = (2000, 1000, 500, 250)
"""Steps of the paper's full multiscale training on levels 0 … 3."""


def check_grids(schedule: str, grids: GridHierarchy) -> None:
    """Raises TypeError for what is no hierarchy, such as a size alone."""
    if not isinstance(grids, GridHierarchy):
        raise TypeError(
            f"{schedule}: grids={grids!r}; needs a GridHierarchy, such as GridHierarchy((64, 64), "
            f"levels=4)."
        )


def sizes_of_levels(grids: GridHierarchy, batch_sizes: Sequence[int] | None) -> tuple[int, ...]:
    """The batch sizes, one a level; by default 16 on the finest and twice as many on each coarser.

    Raises:
        ValueError: for another number of them than there are levels.
    """
    if batch_sizes is None:
        return geometric_batch_sizes(grids.levels)
    if len(batch_sizes) != grids.levels:
        raise ValueError(
            f"batch_sizes={tuple(batch_sizes)}: got {len(batch_sizes)} for {grids.levels} levels; "
            f"needs one a level, coarsest first."
        )
    return tuple(batch_sizes)


def steps_of_stages(grids: GridHierarchy, steps: Sequence[int] | None) -> tuple[int, ...]:
    """Steps of the stages of a coarse-to-fine schedule; by default halved at each finer level.

    Raises:
        ValueError: for another number of stages than there are levels.
    """
    if steps is None:
        return tuple(max(1, PAPER_STEPS[0] // 2**level) for level in range(grids.levels))
    if len(steps) != grids.levels:
        raise ValueError(
            f"steps={tuple(steps)}: got {len(steps)} for {grids.levels} stages; needs one for each "
            f"level, coarsest first."
        )
    return tuple(steps)
