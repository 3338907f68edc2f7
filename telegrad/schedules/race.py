"""Crops, whose size and learning rate the run itself finds out by short heats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.options import option
from telegrad.schedules.heats import Heats
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import sizes_of_levels
from telegrad.schedules.strategy import Problem, Strategy

SMALLEST = 32
"""Height and width of the smallest crops, where nothing is said, in pixels."""

RATES = (1.0, 2.0, 4.0)
"""What the learning rate is multiplied by in the heats of the first round."""

PIXELS = 128 * 128
"""Of a step, where nothing is said."""

AGAIN = (0.3, 0.6)
"""Parts of the steps after which heats ask again about the size. About the rate they can't: a lower
one always lowers the loss at once, and the run's own decay at the end does that better."""

HEAT, LONGEST = 0.01, 0.03
"""Part of the budget that a heat takes, and may take to be long enough."""

ENOUGH_STEPS, ENOUGH_SECONDS = 40, 2.5
"""Of a heat: shorter ones prefer low learning rates."""


def race(
    grids: GridHierarchy,
    steps: int = 10_000,
    batch_sizes: Sequence[int] | None = None,
    rates: Sequence[float] = RATES,
    heat: float | None = None,
) -> Schedule:
    """Random crops in the sizes of the levels; heats choose the learning rate and the size.

    The run must put the weights back before each heat and go on from the best, as that of the
    strategy `Race` does; a loop of one's own can't.

    Args:
        grids: their levels have the sizes that are tried.
        steps: in all.
        batch_sizes: crops a step in each size; by default so many that steps have as many pixels as
            one crop of 128×128, or one crop.
        rates: what the learning rate is multiplied by in the heats of the first round; one alone
            is not asked about.
        heat: part of the steps that a heat takes; by default 0.01, or 0.03 where that is less than
            40 steps.

    >>> race(GridHierarchy((128, 128), levels=3), steps=5000, rates=[1, 4])
    Schedule: 5,000 steps, 5,000 work units, patches
    stage    steps     levels           batch sizes  per step  work units
        0       50     heat 0                    16         1          50
        1       50  heat 0 ×4                    16         1          50
        2       50     heat 0                    16         1          50
        3       50     heat 1                     4         1          50
        4       50     heat 2                     1         1          50
        5    1,250          0                    16         1       1,250
        6       50     heat 0                    16         1          50
        7       50     heat 1                     4         1          50
        8    1,400          0                    16         1       1,400
        9       50     heat 0                    16         1          50
       10       50     heat 1                     4         1          50
       11    1,900          0                    16         1       1,900

    Raises:
        ValueError: for rates that aren't positive, or heats that leave nothing for the rest.
    """
    sizes = sizes_of_levels(grids, batch_sizes or _batch_sizes(grids))
    if not rates or min(rates) <= 0 or len(rates) == 1 != rates[0]:
        raise ValueError(f"race: rates={list(rates)}; needs several positive numbers, or 1 alone.")
    heat = heat or min(max(HEAT, ENOUGH_STEPS / steps), LONGEST)
    stages: list[Stage] = []
    done = 0.0

    def add(part: float, level: int = 0, rate: float = 1.0, heat: int | None = None) -> None:
        nonlocal done
        done += part
        length = max(1, round(part * steps))
        stages.append(Stage(length, level, (sizes[level],), rate=rate, heat=heat))

    for number, (begins, heats) in enumerate(_rounds(grids.levels, rates)):
        if begins > done:
            add(begins - done)
        for level, rate in heats:
            add(heat, level, rate, number)
    if done >= 1:
        raise ValueError(f"race: heats of {heat:g} of the steps leave nothing; needs shorter ones.")
    add(1 - done)
    return Schedule(grids, tuple(stages), patches=1.0).with_steps(steps)


def _batch_sizes(grids: GridHierarchy) -> list[int]:
    return [max(1, round(PIXELS / math.prod(grids.shape(k)))) for k in range(grids.levels)]


def _rounds(levels: int, rates: Sequence[float]) -> list[tuple[float, list[tuple[int, float]]]]:
    """When each round begins, as a part of the steps, and its heats; see `Heats.rounds`."""
    of_sizes = [(level, 1.0) for level in range(levels)]
    again = [(at, of_sizes[:2]) for at in AGAIN]
    rounds = [(0.0, [(0, rate) for rate in rates]), (0.0, of_sizes), *again]
    return [(begins, heats) for begins, heats in rounds if len(heats) > 1]


@dataclass(frozen=True, kw_only=True)
class Race(Strategy):
    """Crops, whose size and learning rate the run itself finds out by short heats."""

    name: ClassVar[str] = "race"
    one_level: ClassVar[bool] = True
    default_batch_size: ClassVar[int] = 1
    default_ratio: ClassVar[int] = 4
    default_learning_rate: ClassVar[float] = 2e-3
    default_decay: ClassVar[float | None] = 0.3
    default_clip: ClassVar[float | None] = 0.01
    default_validations: ClassVar[int] = 10

    rates: list[float] | None = option(
        None,
        "what the learning rate is multiplied by in the heats of the first round, by default 1, 2, "
        "4; 1 alone leaves it as it is",
        above=0,
    )
    heat: float | None = option(
        None,
        "part of the budget that a heat takes; 0.01, or up to 0.03 in a short run",
        above=0,
        most=0.05,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shares is not None:
            raise ValueError("race: its heats have their own shares; leave shares out.")

    def _batches(self, grids: GridHierarchy) -> Sequence[int]:
        is_said = self.batch_size or self.ratio or self.batch_sizes
        return self._sizes(grids.levels) if is_said else _batch_sizes(grids)

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        sizes = self._batches(grids)
        enough = 0.0
        if self.time_limit is not None:
            enough = ENOUGH_SECONDS / self.time_limit
        elif self.work_limit is not None:
            enough = ENOUGH_STEPS * sizes[0] * grids.cost(0) / self.work_limit
        elif self.steps is not None:
            enough = ENOUGH_STEPS / self.steps
        heat = self.heat or min(max(HEAT, enough), LONGEST)
        return race(grids, batch_sizes=sizes, rates=self.rates or RATES, heat=heat)

    def patch_share(self, problem: Problem) -> float:
        return 1.0

    def useful(self, problem: Problem, levels: int) -> int:
        return max(SMALLEST, problem.smallest)

    def heats(self, schedule: Schedule) -> Heats | None:
        grids = schedule.grids
        rounds = [heats for _, heats in _rounds(grids.levels, self.rates or RATES)]
        sizes = list(self._batches(grids))
        costs = [n * cost for n, cost in zip(sizes, grids.costs, strict=True)]
        if self.steps is not None:  # their number is what the run is given
            costs = [1.0] * grids.levels
        return Heats(rounds, sizes, costs) if rounds else None
