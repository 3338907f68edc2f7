"""Coarse to fine, with the stages, batch sizes and learning rate that measured best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.numbers import is_whole
from telegrad.mge.weights import geometric_batch_sizes
from telegrad.schedules.cascadic import Cascadic, cascadic
from telegrad.schedules.early_stop import EarlyStop
from telegrad.schedules.length import in_units
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stages import check_grids
from telegrad.schedules.strategy import Problem

SMALLEST = 16
"""Cells on an axis of the coarsest level, where nothing is said."""


def auto(
    grids: GridHierarchy | None = None,
    budget: float | str = 5000.0,
    batch_sizes: Sequence[int] | None = None,
    *,
    size: Sequence[int] | None = None,
    levels: int | None = None,
) -> Schedule:
    """Coarse to fine, one level a stage; each coarser level takes twice the work.

    With twice as many samples a step as well, that makes four times as many steps in the plane. The
    strategy `Auto` leaves a stage before its share is used up if the level has nothing more to give
    (`EarlyStop`); in a loop of one's own `ScheduledLoader.report` does.

    Args:
        grids: all levels.
        budget: in work units, or in words: `"5000wu"`, `"90s"`, `"30min"`, `"2h"`. A budget of time
            is kept by `ScheduledLoader`, which times steps.
        batch_sizes: on each level, coarsest first; by default 1 on the finest and twice as many on
            each coarser one.
        size: in the place of grids: the finest level's, such as (height, width).
        levels: how many then; by default as many as leave 16 cells on each axis, at most 6.

    >>> auto(size=(64, 64), levels=4, budget=1500)
    Schedule: 8,500 steps, 1,500 work units, nested form
    stage    steps     levels           batch sizes  per step  work units
        0    6,400          0                     8     0.125         800
        1    1,600          1                     4      0.25         400
        2      400          2                     2       0.5         200
        3      100          3                     1         1         100

    Raises:
        TypeError: for both grids and a size, or neither.
        ValueError: for a budget without a unit that is known, or too small for one step of each
            stage.
    """
    if (grids is None) == (size is None):
        raise TypeError("auto: needs either grids or size=(height, width).")
    if grids is None:
        assert size is not None
        if not isinstance(size, Sequence):
            raise TypeError(f"auto: size={size!r}; needs (height, width).")
        grids = GridHierarchy(tuple(size), _levels(size) if levels is None else levels)
    elif levels is not None:
        raise TypeError("auto: grids have their levels; leave levels out.")
    check_grids("auto", grids)
    number, unit = in_units(budget) if isinstance(budget, str) else (budget, "wu")
    own = geometric_batch_sizes(grids.levels, finest=1)
    sizes = own if batch_sizes is None else tuple(batch_sizes)
    shares = [2.0**halvings for halvings in reversed(range(grids.levels))]
    schedule = cascadic(grids, batch_sizes=sizes)
    if unit == "wu":
        return schedule.with_work(number, shares)
    enough = 100 * sum(schedule.step_cost(stage) for stage in schedule.stages)
    return replace(schedule.with_work(enough, shares), seconds=number)


def _levels(size: Sequence[int]) -> int:
    levels = 1
    while levels < Auto.most_levels and all(
        is_whole(n) and n % 2**levels == 0 and n >> levels >= SMALLEST for n in size
    ):
        levels += 1
    return levels


@dataclass(frozen=True, kw_only=True)
class Auto(Cascadic):
    """Coarse to fine; stages end early when they no longer pay. Needs a budget, and nothing else.

    In tasks whose corruption spoils each pixel by itself, half of the coarse images are patches.
    """

    name: ClassVar[str] = "auto"
    most_levels: ClassVar[int] = 6
    default_batch_size: ClassVar[int] = 1
    default_learning_rate: ClassVar[float] = 1e-3
    default_decay: ClassVar[float | None] = 0.3
    default_validations: ClassVar[int] = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is None is self.work_units:
            raise ValueError("auto needs a budget, such as budget=5000wu or budget=10min.")

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return auto(grids, batch_sizes=batch_sizes)

    def patch_share(self, problem: Problem) -> float:
        if self.patches is not None:
            return self.patches
        return 0.5 if problem.pixelwise and self.adapt is None else 0.0

    def useful(self, problem: Problem, levels: int) -> int:
        return problem.smallest_useful if levels > 2 else problem.smallest

    def early_stop(self) -> EarlyStop | None:
        return EarlyStop()
