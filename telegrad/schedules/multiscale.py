"""The multiscale gradient on all levels from the first step on."""

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
from telegrad.schedules.stages import check_grids, sizes_of_levels


def multiscale(
    grids: GridHierarchy,
    steps: int = 2000,
    batch_sizes: Sequence[int] | None = None,
    form: Form = "nested",
) -> Schedule:
    """The multiscale gradient on all levels from the first step on; paper's batches by default.

    >>> multiscale(GridHierarchy((64, 64), levels=4), form="independent").work_units
    74000.0
    """
    check_grids("multiscale", grids)
    sizes = sizes_of_levels(grids, batch_sizes)
    return Schedule(grids, (Stage(steps, grids.levels - 1, sizes),), form)


@dataclass(frozen=True, kw_only=True)
class Multiscale(AdaptiveStrategy):
    """The telescoping gradient over all levels from the first step on: the paper's MGE."""

    name: ClassVar[str] = "multiscale"

    form: Form = option(
        "nested", "nested: one pass a level; independent: the paper's, with disjoint samples"
    )

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return multiscale(grids, batch_sizes=batch_sizes, form=self.form)
