"""Crops, whose size and learning rate the run itself finds out by short heats."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.options import option
from telegrad.schedules.heats import Heats
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage
from telegrad.schedules.stages import check_grids, sizes_of_levels
from telegrad.schedules.strategy import Problem, Strategy

SMALLEST, SMALLEST_GIVEN = 32, 16
"""Height and width of the smallest crops, where nothing is said, and of what the network is given
of them, in pixels."""

RATES = (2.0, 4.0, 1.0)
"""What the learning rate is multiplied by in the heats of the first round; 1 only if 4 is no better
than 2."""

FEWEST, PIXELS = 8 * 32 * 32, 128 * 128
"""Pixels of a step, where nothing is said: of the smallest crops, and of others."""

TIMED, MOST = 4, 16
"""How many times more crops are timed before the first step, and may be in a step."""

NOISE_SCALE = 32 * 32 / 3
"""Times the root of the number of steps: pixels of a step beyond which more of them hardly save
steps. Measured with small networks: steps of 8 crops of 32×32 are best for 30 s of denoising, of 16
for 120 s."""

ASKED = 0.6
"""Part of the budget after which heats ask about the crops: larger ones as long as they are better.
Late, since larger ones lower the loss at once where smaller ones lead in the end. About the rate
they can't ask then: a lower one always lowers the loss, and the run's own decay does it better."""

HEAT, LONGEST = 0.01, 0.03
"""Part of the budget that a heat takes, and may take to be long enough."""

ENOUGH_STEPS, ENOUGH_SECONDS = 40, 2.5
"""Of a heat: shorter ones prefer low learning rates."""

LEAST_STEPS = 32
"""Of the longest heats in a budget of time: shorter ones say nothing."""

WITHOUT_HEATS = 3.0
"""What the learning rate is multiplied by where there are no heats: between those tried first."""

TOO_SHORT = 0.25
"""Part of the budget that a heat of enough steps takes where the run is too short for any."""


def race(
    grids: GridHierarchy,
    steps: int = 10_000,
    batch_sizes: Sequence[int] | None = None,
    rates: Sequence[float] = RATES,
    heat: float = HEAT,
    times: int = 1,
) -> Schedule:
    """Random crops in the sizes of the levels; heats choose the learning rate and the kind of step.

    The run must put the weights back before each heat and go on from the best, as that of the
    strategy `Race` does; a loop of one's own can't.

    Args:
        grids: their levels have the sizes that are tried.
        steps: in all, before heats change the kind.
        batch_sizes: crops a step in each size; by default so many that a step has as many pixels as
            8 crops of 32×32 in the smallest size, and of 128×128 in others; one at least.
        rates: what the learning rate is multiplied by in the heats of the first round; one alone
            is not asked about.
        heat: part of the work that a heat takes.
        times: how many times more crops than by default in the smallest size; in others half as
            many times more.

    >>> race(GridHierarchy((128, 128), levels=3), steps=20_000, rates=[1, 4])
    Schedule: 20,000 steps, 10,101 work units, patches
    stage    steps     levels           batch sizes  per step  work units
        0      202     heat 0                     8       0.5         101
        1      202  heat 0 ×4                     8       0.5         101
        2   11,717          0                     8       0.5     5,858.5
        3      202     heat 0                     8       0.5         101
        4      101     heat 1                     4         1         101
        5      101     heat 2                     1         1         101
        6    7,475          0                     8       0.5     3,737.5

    Raises:
        ValueError: for rates that aren't positive, or heats that leave nothing for the rest.
    """
    check_grids("race", grids)
    kinds = _kinds(grids, batch_sizes, times)
    _check_rates(rates)
    costs = [n * grids.cost(level) for level, n in kinds]
    stages: list[Stage] = []
    done = 0.0

    def add(part: float, kind: int = 0, rate: float = 1.0, heat: int | None = None) -> None:
        nonlocal done
        done += part
        level, n = kinds[kind]
        length = max(1, round(part * steps * costs[0] / costs[kind]))
        stages.append(Stage(length, level, (n,), rate=rate, heat=heat))

    for number, (begins, heats) in enumerate(_rounds(len(kinds), rates)):
        if begins > done:
            add(begins - done)
        for kind, rate in heats:
            add(heat, kind, rate, number)
    if done >= 1:
        raise ValueError(f"race: heats of {heat:g} of the work leave nothing; needs shorter ones.")
    add(1 - done)
    return Schedule(grids, tuple(stages), patches=1.0).with_steps(steps)


def _check_rates(rates: Sequence[float]) -> None:
    if not rates or min(rates) <= 0 or len(rates) == 1 != rates[0]:
        raise ValueError(f"race: rates={list(rates)}; needs several positive numbers, or 1 alone.")


def _kinds(
    grids: GridHierarchy, batch_sizes: Sequence[int] | None, times: int = 1
) -> list[tuple[int, int]]:
    """Level and batch size of each kind of step."""
    if batch_sizes is not None:
        return list(enumerate(sizes_of_levels(grids, batch_sizes)))
    others = max(1, times * FEWEST // PIXELS)
    of_kinds = [(FEWEST, times), *[(PIXELS, others)] * (grids.levels - 1)]
    return [
        (k, more * max(1, round(pixels / math.prod(grids.shape(k)))))
        for k, (pixels, more) in enumerate(of_kinds)
    ]


def _fits(
    kinds: Sequence[tuple[int, int]], seconds_of: Callable[[Sequence[Stage]], Sequence[float]]
) -> bool:
    """Whether there is memory for a step of each kind."""
    try:
        seconds_of([Stage(1, level, (n,)) for level, n in kinds])
    except MemoryError:
        return False
    return True


def _rounds(kinds: int, rates: Sequence[float]) -> list[tuple[float, list[tuple[int, float]]]]:
    """When each round begins, as a part of the work, and its heats; see `Heats.rounds`."""
    of_kinds = [(kind, 1.0) for kind in range(kinds)]
    rounds = [(0.0, [(0, rate) for rate in rates]), (ASKED, of_kinds)]
    return [(begins, heats) for begins, heats in rounds if len(heats) > 1]


@dataclass(frozen=True, kw_only=True)
class Race(Strategy):
    """Crops, whose size and learning rate the run itself finds out by short heats.

    A run that is too short for heats has none: one of less than 10 seconds or 160 steps, or in
    which the longest heats have less than 32 steps, in a budget of time.
    """

    name: ClassVar[str] = "race"
    one_level: ClassVar[bool] = True
    default_batch_size: ClassVar[int] = 1
    default_ratio: ClassVar[int] = 4
    default_optimizer: ClassVar[str | None] = "telegrad.optimizers.Muon"
    default_learning_rate: ClassVar[float] = 2e-3
    default_decay: ClassVar[float | None] = 0.3
    default_clip: ClassVar[float | None] = 0.01
    default_validations: ClassVar[int] = 10

    rates: list[float] | None = option(
        None,
        "what the learning rate is multiplied by in the heats of the first round, by default 2, 4, "
        "1; none beyond one that was no better is tried; 1 alone leaves it as it is",
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
        if self.rates is not None:
            _check_rates(self.rates)

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        return self._stages(grids)

    def _stages(self, grids: GridHierarchy, times: int = 1) -> Schedule:
        """Those with so many times more crops."""
        sizes = self._said_sizes(grids)
        level, n = _kinds(grids, sizes, times)[0]
        enough = 0.0
        if self.time_limit is not None:
            enough = ENOUGH_SECONDS / self.time_limit
        elif self.work_limit is not None:
            enough = ENOUGH_STEPS * n * grids.cost(level) / self.work_limit
        elif self.steps is not None:
            enough = ENOUGH_STEPS / self.steps
        if enough > TOO_SHORT and self.heat is None:
            return self._without_heats(grids, level, n)
        heat = self.heat or min(max(HEAT, enough), LONGEST)
        steps = 1_000_000 if enough else 10_000  # finely divided, where a budget follows
        return race(grids, steps, sizes, self.rates or RATES, heat, times)

    def _without_heats(self, grids: GridHierarchy, level: int, n: int) -> Schedule:
        rate = WITHOUT_HEATS if self.rates is None else self.rates[0]
        return Schedule(grids, (Stage(1, level, (n,), rate=rate),), patches=1.0)

    def fitted(self, schedule: Schedule) -> Schedule:
        """Without heats, where even the longest have too few steps to tell anything."""
        heats = [stage.steps for stage in schedule.stages if stage.heat is not None]
        if not heats or max(heats) >= LEAST_STEPS or self.heat is not None:
            return schedule
        first = schedule.stages[0]
        return self._without_heats(schedule.grids, first.finest, first.batch_sizes[0])

    def suited(
        self, schedule: Schedule, seconds_of: Callable[[Sequence[Stage]], Sequence[float]]
    ) -> Schedule:
        """Larger batches on a machine on which a step of few crops takes hardly less time.

        A step of n crops takes a + b·n seconds, and the run needs 1 + B/n times as many steps as
        with very many crops, where B is the gradient's noise scale, which grows while the loss
        falls: the least time is at n² = B·a/b. Of the usual number of crops as many times are
        taken as come nearest, a power of two up to 16, as far as there is memory for them.

        Source: McCandlish et al., *An empirical model of large-batch training*,
        arXiv:1812.06162, for the number of steps and the noise scale.
        """
        grids = schedule.grids
        if self.time_limit is None or self._said_sizes(grids) is not None:
            return schedule
        level, n = _kinds(grids, None)[0]
        try:
            usual, more = seconds_of([Stage(1, level, (n * times,)) for times in (1, TIMED)])
        except MemoryError:
            return schedule
        each = max((more - usual) / (TIMED - 1), 1e-3 * usual)
        fixed = max(usual - each, 0.0)
        noise_scale = NOISE_SCALE * math.sqrt(self.time_limit / usual)
        best = math.sqrt(noise_scale / (n * math.prod(grids.shape(level))) * fixed / each)
        times = min(2 ** round(math.log2(max(best, 1.0))), MOST)
        while times > TIMED and not _fits(_kinds(grids, None, times), seconds_of):
            times //= 2
        of_heat = LONGEST * self.time_limit / (fixed + each * times)
        if of_heat < LEAST_STEPS and self.heat is None:  # whatever validations leave
            return self._without_heats(grids, level, n * times)
        return self._stages(grids, times)

    def shares_of(self, schedule: Schedule) -> list[float]:
        return [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]

    def patch_share(self, problem: Problem) -> float:
        return 1.0

    def useful(self, problem: Problem, levels: int) -> int:
        return max(SMALLEST, SMALLEST_GIVEN * problem.enlarges, problem.smallest)

    def heats(self, schedule: Schedule) -> Heats | None:
        grids = schedule.grids
        times = schedule.stages[0].batch_sizes[0] // _kinds(grids, None)[0][1]
        kinds = _kinds(grids, self._said_sizes(grids), times)
        rounds = [heats for _, heats in _rounds(len(kinds), self.rates or RATES)]
        costs = [n * grids.cost(level) for level, n in kinds]
        if self.steps is not None:  # their number is what the run is given
            costs = [1.0] * len(kinds)
        has_heats = any(stage.heat is not None for stage in schedule.stages)
        return Heats(rounds, kinds, costs) if has_heats else None

    def _said_sizes(self, grids: GridHierarchy) -> Sequence[int] | None:
        is_said = self.batch_size or self.ratio or self.batch_sizes
        return self._sizes(grids.levels) if is_said else None
