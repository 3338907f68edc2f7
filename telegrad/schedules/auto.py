"""Coarse to fine, with the stages, batch sizes and learning rate that measured best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.weights import geometric_batch_sizes
from telegrad.schedules.cascadic import Cascadic, cascadic
from telegrad.schedules.early_stop import EarlyStop
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.strategy import Problem


def auto(
    grids: GridHierarchy, budget: float = 5000.0, batch_sizes: Sequence[int] | None = None
) -> Schedule:
    """Coarse to fine, one level a stage; each coarser level takes twice the work.

    With twice as many samples a step as well, that makes four times as many steps. The strategy
    `Auto` leaves a stage before its share is used up if the level has nothing more to give
    (`EarlyStop`).

    Args:
        grids: all levels.
        budget: in work units.
        batch_sizes: on each level, coarsest first; by default 1 on the finest and twice as many on
            each coarser one.

    >>> auto(GridHierarchy(finest=(64, 64), levels=4), budget=1500)
    Schedule: 8,500 steps, 1,500 work units, nested form
    stage    steps     levels           batch sizes  per step  work units
        0    6,400          0                     8     0.125         800
        1    1,600          1                     4      0.25         400
        2      400          2                     2       0.5         200
        3      100          3                     1         1         100
    """
    sizes = batch_sizes or geometric_batch_sizes(grids.levels, finest=1)
    shares = [2.0**halvings for halvings in reversed(range(grids.levels))]
    return cascadic(grids, batch_sizes=sizes).with_work(budget, shares)


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
