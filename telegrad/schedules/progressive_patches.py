"""Patches that grow in stages of any size, as Restormer is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.options import option
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids
from telegrad.schedules.strategy import MOST_SAMPLES, Problem, Strategy

PARTS = (1 / 3, 5 / 12, 1 / 2, 2 / 3, 5 / 6, 1)
"""Of the largest patch's height and width: Restormer's 128, 160, 192, 256, 320 and 384 pixels."""

BATCHES = (8, 5, 4, 2, 1, 1)
"""Patches a step, in those of the largest size; so that steps cost about the same."""

STEPS = (92, 64, 48, 36, 36, 24)
"""Of each stage, of 300."""


def progressive_patches(
    grids: GridHierarchy,
    steps: int = 3000,
    sizes: Sequence[int] | None = None,
    batch_size: int = 2,
    batch_sizes: Sequence[int] | None = None,
    increment: int = 8,
) -> Schedule:
    """Patches of the finest images, small ones first, in stages of any size.

    By default Restormer's six stages, scaled to the grids: its 128 … 384 pixels become a third …
    all of their height and width, in its proportions of batches and steps.

    Args:
        grids: of the plane; their finest level is the largest patch.
        steps: in all.
        sizes: heights and widths of the stages' patches, in pixels; stages of a number of their own
            get equal parts of the steps.
        batch_size: patches a step of the largest size; of smaller ones so many that steps cost
            about the same.
        batch_sizes: of the stages, instead of it.
        increment: sizes that aren't given are multiples of it, in pixels.

    >>> progressive_patches(GridHierarchy((96, 96), levels=1), steps=300)
    Schedule: 300 steps, 532.7 work units, patches
    stage    steps     levels           batch sizes  per step  work units
        0       92      32×32                    16   1.77778       163.6
        1       64      40×40                    10   1.73611       111.1
        2       48      48×48                     8         2          96
        3       36      64×64                     4   1.77778          64
        4       36      80×80                     2   1.38889          50
        5       24          0                     2         2          48

    Raises:
        ValueError: for grids that aren't square cells of the plane, sizes beyond theirs, or another
            number of batch sizes than of sizes.

    Source: Zamir et al., *Restormer*, CVPR 2022, and the options that its authors publish.
    """
    check_grids("progressive_patches", grids)
    side = grids.finest[0]
    if len(grids.finest) != 2 or set(grids.finest) != {side} or grids.nodes:
        raise ValueError(f"progressive_patches: {grids}; needs cells of a square.")
    if sizes is None:
        proportions: Sequence[int] = STEPS
        sizes = [max(round(side * part / increment), 1) * increment for part in PARTS[:-1]] + [side]
        own = [batch_size * n for n in BATCHES]
    else:
        proportions = (1,) * len(sizes)
        own = [max(1, round(batch_size * (side / n) ** 2)) for n in sizes]
    batch_sizes = own if batch_sizes is None else batch_sizes
    if len(batch_sizes) != len(sizes):
        raise ValueError(
            f"progressive_patches: sizes={tuple(sizes)} and batch_sizes={tuple(batch_sizes)}; "
            f"needs one batch size for each size."
        )
    finest = grids.levels - 1
    stages = [
        Stage(part, finest, (n,), shape=None if size == side else (size, size))
        for part, size, n in zip(proportions, sizes, batch_sizes, strict=True)
    ]
    return Schedule(grids, tuple(stages), patches=1.0).with_steps(steps)


@dataclass(frozen=True, kw_only=True)
class ProgressivePatches(Strategy):
    """Patches that grow in stages of any size; by default Restormer's six."""

    name: ClassVar[str] = "progressive_patches"
    one_level: ClassVar[bool] = True
    most_levels: ClassVar[int] = 1
    default_batch_size: ClassVar[int] = 2

    sizes: list[int] | None = option(
        None,
        "heights and widths of the stages' patches, such as 32 48 64 96; by default Restormer's "
        "six, a third of the crop's to all of it",
        unit="pixels",
        least=1,
    )
    batch_sizes: list[int] | None = option(
        None,
        "patches a step in each stage, instead of batch_size",
        least=1,
        most=MOST_SAMPLES,
    )

    def grids(self, problem: Problem) -> GridHierarchy:
        return GridHierarchy((problem.size, problem.size), levels=self.levels or 1)

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        (one,) = batch_sizes
        return progressive_patches(
            grids, sizes=self.sizes, batch_size=one, batch_sizes=self.batch_sizes
        )

    def patch_share(self, problem: Problem) -> float:
        return 1.0

    def _sizes(self, levels: int) -> tuple[int, ...]:
        return (self.batch_size or self.default_batch_size,)
