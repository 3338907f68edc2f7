"""A strategy: an object that answers all that is asked of a way to train."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from telegrad.mge.grids import GridHierarchy
from telegrad.mge.weights import check_batch_sizes, geometric_batch_sizes
from telegrad.options import check_options, option
from telegrad.schedules.adaptation import Adaptation
from telegrad.schedules.early_stop import EarlyStop
from telegrad.schedules.heats import Heats
from telegrad.schedules.learning_rate import LearningRate
from telegrad.schedules.length import in_units
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage

MOST_STEPS = 10**8
MOST_SAMPLES = 10**6


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a strategy must know of a problem.

    Attributes:
        size: height and width on the finest level, in pixels.
        divisor: heights and widths of levels must be multiples of it.
        smallest: least height and width of a level, in pixels.
        smallest_useful: least height and width of a level that is worth training on.
        pixelwise: whether the corruption of a pixel depends on that pixel alone.
        enlarges: how many times larger a network's output is than what it is given, a side.
        name: of task and network, for messages.
    """

    size: int
    divisor: int = 1
    smallest: int = 1
    smallest_useful: int = 8
    pixelwise: bool = False
    enlarges: int = 1
    name: str = "this task"


@dataclass(frozen=True, kw_only=True)
class Strategy(ABC):
    """Which levels, how many samples on each, for how long.

    A strategy of your own is one class derived from this: a frozen dataclass with the method
    `stages`, which returns a `Schedule` of any length; what the class attributes say is asked of it
    too.

    Attributes:
        name: in the names of runs.
        one_level: whether it needs no coarser level.
        most_levels: where nothing is said.
        default_batch_size: on the finest level.
        default_ratio: of a level's batch size to the next finer one's.
        default_optimizer: short name or dotted path, where the task has none of its own.
        default_learning_rate, default_decay: see `LearningRate`.
        default_clip: largest norm of a gradient; see `Update`.
        default_validations: of a run.
    """

    name: ClassVar[str]
    one_level: ClassVar[bool] = False
    most_levels: ClassVar[int] = 4
    default_batch_size: ClassVar[int] = 16
    default_ratio: ClassVar[int] = 2
    default_optimizer: ClassVar[str | None] = None
    default_learning_rate: ClassVar[float] = 5e-4
    default_decay: ClassVar[float | None] = None
    default_clip: ClassVar[float | None] = None
    default_validations: ClassVar[int] = 20

    steps: int | None = option(
        None, "optimizer steps in all, spread over the stages", least=1, most=MOST_STEPS
    )
    work_units: float | None = option(
        None,
        "budget in forward and backward passes of one image on the finest level",
        least=1,
        most=1e12,
    )
    budget: str | None = option(
        None, "in work units or in time, of steps and validations: 5000wu, 90s, 10min, 2h"
    )
    shares: list[float] | None = option(
        None, "of the budget for each stage, coarsest first, such as 1,3,4,2; 0 leaves one out",
        least=0,
    )  # fmt: skip
    levels: int | None = option(
        None, "of the grids, each of half the resolution of the next", least=1, most=16
    )
    batch_size: int | None = option(None, "samples on the finest level", least=1, most=MOST_SAMPLES)
    ratio: int | None = option(
        None, "how many times more samples each coarser level gets", least=1, most=1000
    )
    batch_sizes: list[int] | None = option(
        None, "samples on every level, coarsest first, instead of batch_size and ratio",
        least=1, most=MOST_SAMPLES,
    )  # fmt: skip
    decay: float | None = option(
        None,
        "last part of the work, over which the learning rate falls linearly; else one cosine",
        above=0,
        most=1,
    )
    warmup: float = option(
        0.0, "first part of the work, over which the learning rate rises linearly", least=0, below=1
    )

    def __post_init__(self) -> None:
        check_options(self)
        lengths = [n for n in ("steps", "work_units", "budget") if getattr(self, n) is not None]
        if len(lengths) > 1:
            raise ValueError(f"got both {' and '.join(lengths)}; each says how long: give one.")
        if self.budget is not None:
            in_units(self.budget)
        for name in ("batch_size", "ratio"):
            if self.batch_sizes is not None and getattr(self, name) is not None:
                raise ValueError(f"got both {name} and batch_sizes; give one of them.")
        if self.shares is not None and self.work_units is self.budget is None:
            raise ValueError(
                "shares need something to be shared: give budget or work_units as well."
            )

    @abstractmethod
    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        """The stages, in the length that they have where nothing is said.

        Args:
            grids: all levels.
            batch_sizes: on each level, coarsest first.
        """

    def patch_share(self, problem: Problem) -> float:
        """Part of the coarse levels' images, in [0, 1], that are patches of the finest level's."""
        return 0.0

    def suited(
        self, schedule: Schedule, seconds_of: Callable[[Sequence[Stage]], Sequence[float]]
    ) -> Schedule:
        """The stages of a run with a budget of time, on a machine that it can measure.

        Args:
            schedule: as `schedule` has made it.
            seconds_of: of one step of each of some stages; raises MemoryError for too large ones.
        """
        return schedule

    def fitted(self, schedule: Schedule) -> Schedule:
        """The stages of such a run, once its time is divided among them: these, or others."""
        return schedule

    def early_stop(self) -> EarlyStop | None:
        """What ends stages early by validations, if anything does."""
        return None

    def heats(self, schedule: Schedule) -> Heats | None:
        """What decides which heats are gone on from, if the schedule has any.

        Raises:
            ValueError: for heats that this strategy says nothing of.
        """
        if any(stage.heat is not None for stage in schedule.stages):
            raise ValueError(
                f"{self.name}: its schedule has heats; needs the method heats, which returns the "
                f"Heats that decide between them."
            )
        return None

    def adaptation(self, schedule: Schedule) -> Adaptation | None:
        """What chooses batch sizes anew from measurements, if anything does."""
        return None

    def schedule(self, problem: Problem) -> Schedule:
        """The stages for a problem, in the length that was asked for.

        A budget of time leaves them as long as they are where nothing is said: how many steps it
        buys is measured when the run begins.

        Raises:
            ValueError: for batch sizes, shares or a length that don't suit the stages.
        """
        grids = self.grids(problem)
        if not self.one_level and grids.levels == 1 and self.levels is self.batch_sizes is None:
            raise ValueError(
                f"{self.name}: {problem.size}×{problem.size} leaves no coarser level for "
                f"{problem.name}; use a size divisible by 8 such as 64, or the strategy Single."
            )
        schedule = self.stages(grids, self._sizes(grids.levels))
        schedule = replace(schedule, patches=self.patch_share(problem))
        if self.shares is not None:
            schedule = schedule.without_empty(self.shares)
        if self.steps is not None:
            schedule = schedule.with_steps(self.steps)
        if self.work_limit is not None:
            schedule = schedule.with_work(self.work_limit, self.stage_shares)
        if schedule.steps > MOST_STEPS:
            raise ValueError(
                f"{self.work_limit:g} work units work out at {schedule.steps:,} steps; needs at "
                f"most {MOST_STEPS:,}. Ask for less work."
            )
        return schedule

    def grids(self, problem: Problem) -> GridHierarchy:
        """The levels that are trained on."""
        levels = self.levels or (None if self.batch_sizes is None else len(self.batch_sizes))
        return GridHierarchy((problem.size, problem.size), levels or self._possible(problem))

    def useful(self, problem: Problem, levels: int) -> int:
        """Least height and width of the coarsest of so many levels, where nothing is said."""
        return problem.smallest

    def learning_rate(self, highest: float | None) -> LearningRate:
        """Its course over the run, from `highest` on, or from the strategy's own default."""
        return LearningRate(
            self.default_learning_rate if highest is None else highest,
            decay=self.decay or self.default_decay,
            warmup=self.warmup,
        )

    @property
    def work_limit(self) -> float | None:
        """Work units that the run may take; None where it is not limited by them."""
        if self.budget is None:
            return self.work_units
        number, unit = in_units(self.budget)
        return number if unit == "wu" else None

    @property
    def time_limit(self) -> float | None:
        """Seconds that the run may take; None where it is not limited by them."""
        if self.budget is None:
            return None
        number, unit = in_units(self.budget)
        return number if unit == "s" else None

    @property
    def stage_shares(self) -> list[float] | None:
        """Of the budget, for each stage that there is."""
        return None if self.shares is None else [share for share in self.shares if share]

    def shares_of(self, schedule: Schedule) -> list[float] | None:
        """Of a budget of time, for each stage; None: as their steps keep their proportions."""
        return self.stage_shares

    def _sizes(self, levels: int) -> tuple[int, ...]:
        sizes: Sequence[int] | None = self.batch_sizes
        if sizes is None:
            finest = self.batch_size or self.default_batch_size
            sizes = geometric_batch_sizes(levels, finest, self.ratio or self.default_ratio)
        check_batch_sizes(sizes, levels, "independent")
        if max(sizes) > MOST_SAMPLES:
            raise ValueError(
                f"batch_sizes={list(sizes)}: needs at most {MOST_SAMPLES:,} on a level; lower "
                f"batch_size, ratio or levels."
            )
        return tuple(sizes)

    def _possible(self, problem: Problem) -> int:
        """As many levels as suit the size, at most `most_levels`."""
        for levels in range(self.most_levels, 1, -1):
            coarsest, rest = divmod(problem.size, 2 ** (levels - 1))
            fits = not rest and coarsest % problem.divisor == 0
            if fits and coarsest >= self.useful(problem, levels):
                return levels
        return 1
