"""Coarse to fine, one level a stage: progressive resizing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.options import option
from telegrad.schedules.adaptive import AdaptiveStrategy
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids, sizes_of_levels, steps_of_stages
from telegrad.schedules.strategy import Problem


def cascadic(
    grids: GridHierarchy,
    steps: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
) -> Schedule:
    """Coarse to fine, ordinary training on one level a stage (progressive resizing).

    Arguments as for `fullmultiscale`, whose stages these are, without the coarser levels' samples.

    >>> cascadic(GridHierarchy((64, 64), levels=4)).work_units
    16000.0
    """
    check_grids("cascadic", grids)
    sizes = sizes_of_levels(grids, batch_sizes)
    lengths = steps_of_stages(grids, steps)
    stages = (Stage(n, finest, (sizes[finest],)) for finest, n in enumerate(lengths))
    return Schedule(grids, tuple(stages))


@dataclass(frozen=True, kw_only=True)
class Cascadic(AdaptiveStrategy):
    """Coarse to fine, ordinary training on one level a stage (progressive resizing)."""

    name: ClassVar[str] = "cascadic"

    patches: float | None = option(
        None,
        "part of the images of coarse levels, such as 0.5, that are patches of the finest level's "
        "instead of whole scenes in less detail",
        least=0,
        most=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adapt is not None and self.patches:
            raise ValueError(
                "adapt chooses levels of a telescoping sum, and patches have none. Leave one out."
            )

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return cascadic(grids, batch_sizes=batch_sizes)

    def patch_share(self, problem: Problem) -> float:
        return self.patches or 0.0
