"""Coarse to fine, with the multiscale gradient in each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.weights import Form
from telegrad.options import option
from telegrad.schedules.adaptive import AdaptiveStrategy
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids, sizes_of_levels, steps_of_stages


def fullmultiscale(
    grids: GridHierarchy,
    steps: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
    form: Form = "nested",
) -> Schedule:
    """Coarse to fine, stage j with the multiscale gradient on levels 0 … j.

    Args:
        grids: all levels.
        steps: of each stage, coarsest first; the paper's 2000, 1000, 500, 250 (halved at each
            level) by default.
        batch_sizes: on each level, coarsest first, the same in every stage; by default the paper's
            16 on the finest and twice as many on each coarser one.

    >>> fullmultiscale(GridHierarchy((64, 64), levels=4), form="independent").work_units
    28750.0
    """
    check_grids("fullmultiscale", grids)
    sizes = sizes_of_levels(grids, batch_sizes)
    lengths = steps_of_stages(grids, steps)
    stages = (Stage(n, finest, sizes[: finest + 1]) for finest, n in enumerate(lengths))
    return Schedule(grids, tuple(stages), form)


@dataclass(frozen=True, kw_only=True)
class FullMultiscale(AdaptiveStrategy):
    """Coarse to fine, with the telescoping gradient over all levels until then in each stage."""

    name: ClassVar[str] = "fullmultiscale"

    form: Form = option(
        "nested", "nested: one pass a level; independent: the paper's, with disjoint samples"
    )

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return fullmultiscale(grids, batch_sizes=batch_sizes, form=self.form)
