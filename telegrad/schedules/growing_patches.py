"""From small patches of the finest images to whole crops of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.schedules.cascadic import cascadic
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.strategy import Problem, Strategy


def growing_patches(
    grids: GridHierarchy,
    steps: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
) -> Schedule:
    """From small patches of the finest images to whole crops of them (Restormer, Zamir 2022).

    Arguments as for `cascadic`, of which this is the counterpart: the stages have the same shapes
    and cost, but a coarse level shows a part of the scene instead of all of it in less detail.

    >>> growing_patches(GridHierarchy((64, 64), levels=4)).work_units
    16000.0
    """
    return replace(cascadic(grids, steps, batch_sizes), patches=1.0)


@dataclass(frozen=True, kw_only=True)
class GrowingPatches(Strategy):
    """As cascadic, but with small patches of the images instead of small images."""

    name: ClassVar[str] = "growing_patches"

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return growing_patches(grids, batch_sizes=batch_sizes)

    def patch_share(self, problem: Problem) -> float:
        return 1.0
