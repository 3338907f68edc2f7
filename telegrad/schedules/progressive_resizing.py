"""From half of the size to all of it, with sizes between the levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids
from telegrad.schedules.strategy import Strategy


def progressive_resizing(
    grids: GridHierarchy, steps: int = 2000, batch_size: int = 16, increment: int = 4
) -> Schedule:
    """From half of the finest height and width to all of it, in sizes between the levels as well.

    Half of the steps are made at half the size, the last fifth at full size, and between them the
    size grows evenly, as by default in Composer's progressive resizing (MosaicML 2021).

    Args:
        grids: of two levels or more.
        steps: in all.
        batch_size: the same at every size.
        increment: sizes are multiples of it, in pixels, but for those of the levels.

    >>> progressive_resizing(GridHierarchy((64, 64), levels=2), steps=1000)
    Schedule: 1,000 steps, 7,950 work units, nested form
    stage    steps     levels           batch sizes  per step  work units
        0      500          0                    16         4       2,000
        1      100      40×40                    16      6.25         625
        2      100      48×48                    16         9         900
        3      100      56×56                    16     12.25       1,225
        4      200          1                    16        16       3,200

    Raises:
        ValueError: for grids of one level, or of nodes.
    """
    check_grids("progressive_resizing", grids)
    finest = grids.levels - 1
    if finest < 1:
        raise ValueError("progressive_resizing: grids of one level; needs two or more.")
    if grids.nodes:
        raise ValueError("progressive_resizing: grids of nodes; needs cells.")

    def shape(eighths: int) -> tuple[int, ...]:
        return tuple(
            n if block == 1 else max(round(n * eighths / 8 / increment) * increment, n // 2)
            for n, block in zip(grids.finest, grids.blocks, strict=True)
        )

    stages = [
        Stage(5, finest - 1, (batch_size,)),
        *(Stage(1, finest, (batch_size,), shape=shape(eighths)) for eighths in (5, 6, 7)),
        Stage(2, finest, (batch_size,)),
    ]
    return Schedule(grids, tuple(stages)).with_steps(steps)


@dataclass(frozen=True, kw_only=True)
class ProgressiveResizing(Strategy):
    """From half of the size to all of it, with sizes between the levels as well."""

    name: ClassVar[str] = "progressive_resizing"

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return progressive_resizing(grids, batch_size=batch_sizes[-1])
