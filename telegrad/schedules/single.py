"""Ordinary training on the finest level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids
from telegrad.schedules.strategy import Strategy


def single(grids: GridHierarchy, steps: int = 2000, batch_size: int = 16) -> Schedule:
    """Ordinary training on the finest level.

    >>> single(GridHierarchy((64, 64), levels=4), steps=2000, batch_size=240).work_units
    480000.0
    """
    check_grids("single", grids)
    return Schedule(grids, (Stage(steps, grids.levels - 1, (batch_size,)),))


@dataclass(frozen=True, kw_only=True)
class Single(Strategy):
    """Ordinary training on the finest level: the case of one level."""

    name: ClassVar[str] = "single"
    one_level: ClassVar[bool] = True

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return single(grids, batch_size=batch_sizes[-1])
