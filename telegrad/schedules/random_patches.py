"""Patches of a size drawn at random for every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.weights import geometric_batch_sizes
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids, sizes_of_levels
from telegrad.schedules.strategy import Problem, Strategy


def random_patches(
    grids: GridHierarchy, steps: int = 2000, batch_sizes: Sequence[int] | None = None
) -> Schedule:
    """Patches of a size drawn at random for every step, of the finest images.

    By default the batch is as many times larger as a patch is smaller, 16 of the largest, so that
    every step costs the same (variable batch sampler, Mehta et al. 2022, MobileViT).

    >>> random_patches(GridHierarchy((64, 64), levels=4))
    Schedule: 2,000 steps, 32,000 work units, patches
    stage    steps     levels           batch sizes  per step  work units
        0    2,000       0..3        1024|256|64|16        16      32,000
    """
    check_grids("random_patches", grids)
    own = geometric_batch_sizes(grids.levels, ratio=4)
    sizes = sizes_of_levels(grids, own if batch_sizes is None else batch_sizes)
    stage = Stage(steps, grids.levels - 1, sizes, random_level=True)
    return Schedule(grids, (stage,), patches=1.0)


@dataclass(frozen=True, kw_only=True)
class RandomPatches(Strategy):
    """Patches of a size drawn anew for each step; with ratio 4, steps all cost the same."""

    name: ClassVar[str] = "random_patches"
    default_ratio: ClassVar[int] = 4

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return random_patches(grids, batch_sizes=batch_sizes)

    def patch_share(self, problem: Problem) -> float:
        return 1.0
