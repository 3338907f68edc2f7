"""What is left of a run: when it validates, how long it takes, and a bar that shows it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telegrad.bars import Bar
from telegrad.schedules import Schedule


def validation_steps(schedule: Schedule, validations: int) -> set[int]:
    """Steps to validate after: evenly spread over the work, and the last of every stage."""
    steps, work = set(), 0.0
    interval = schedule.work_units / validations
    for step, _, stage in schedule.walk():
        before, work = work, work + schedule.step_cost(stage)
        if before // interval != work // interval:
            steps.add(step)
    ends = np.cumsum([stage.steps for stage in schedule.stages]) - 1
    return steps | set(ends.tolist())


@dataclass(frozen=True)
class Forecast:
    """The seconds that a run takes until it has spent so many work units.

    A step of a coarse stage costs more seconds per work unit than one of the finest, so that work
    alone does not tell time.

    >>> from telegrad.mge import GridHierarchy
    >>> from telegrad.schedules import cascadic
    >>> schedule = cascadic(GridHierarchy((64, 64), levels=2), steps=(20, 10), batch_sizes=(4, 2))
    >>> forecast = Forecast.of(schedule, [0.03, 0.04], validation_seconds=0.5, validations=1)
    >>> round(forecast.total, 6), round(forecast.seconds_left(spent=20.0, elapsed=2.2), 6)
    (2.0, 1.8)

    Attributes:
        schedule: of the run.
        step_seconds: of one step of each stage.
        validation_seconds: of one validation.
        validations: how many, as `validation_steps` spreads them.
        work_units: spent before each step, and after the last.
        seconds: expected until then.
    """

    schedule: Schedule
    step_seconds: Sequence[float]
    validation_seconds: float
    validations: int
    work_units: np.ndarray
    seconds: np.ndarray

    @classmethod
    def of(
        cls,
        schedule: Schedule,
        step_seconds: Sequence[float],
        validation_seconds: float,
        validations: int,
    ) -> Forecast:
        """Of a run along the schedule."""
        costs = [schedule.step_cost(stage) for stage in schedule.stages]
        work = np.repeat(np.array(costs, float), schedule.lengths)
        seconds = np.repeat(np.array(step_seconds, float), schedule.lengths)
        seconds[list(validation_steps(schedule, validations))] += validation_seconds
        sums = (np.concatenate([[0.0], values.cumsum()]) for values in (work, seconds))
        return cls(schedule, step_seconds, validation_seconds, validations, *sums)

    def along(self, schedule: Schedule) -> Forecast:
        """For stages of other lengths or batch sizes; a work unit takes as long as it did in the
        stage with the same finest level."""
        pace = {
            stage.finest: seconds / self.schedule.step_cost(stage)
            for stage, seconds in zip(self.schedule.stages, self.step_seconds, strict=True)
        }
        step_seconds = [pace[stage.finest] * schedule.step_cost(stage) for stage in schedule.stages]
        return self.of(schedule, step_seconds, self.validation_seconds, self.validations)

    @property
    def total(self) -> float:
        """Seconds of the whole run."""
        return float(self.seconds[-1])

    def seconds_left(self, spent: float, elapsed: float, start: float = 0.0) -> float:
        """What remains after `spent` work units, at the pace that was kept until now.

        Args:
            spent: work units, in all.
            elapsed: seconds that the run took for those after `start`.
            start: work units of an earlier part of the run.
        """
        at_start, here = np.interp([start, spent], self.work_units, self.seconds)
        pace = elapsed / (here - at_start) if here > at_start else 1.0
        return float(pace * (self.total - here))


class ProgressBar(Bar):
    """Counts work units, and says what time is left by a forecast, or else by their number."""

    forecast: Forecast | None = None
    shows_quality: bool = False

    def show(self, loss: float, psnr: float) -> None:
        """The quality of images that were validated on, beside the bar."""
        self.shows_quality = True
        self.set_postfix_str(f"loss {loss:.3g}, PSNR {psnr:.2f} dB", refresh=False)

    def follow(self, schedule: Schedule) -> None:
        """To a schedule whose stages have changed in length."""
        self.total = schedule.work_units
        if self.forecast is not None:
            self.forecast = self.forecast.along(schedule)

    @property
    def format_dict(self) -> MutableMapping[str, Any]:
        """What is shown; the rate is the one at which the work left takes the seconds estimated."""
        shown = super().format_dict
        shown["total"] = max(self.total or 0.0, self.n)  # steps of random levels may take more
        work_left = (self.total or 0.0) - self.n
        if self.forecast is not None and work_left > 0:
            left = self.forecast.seconds_left(self.n, shown["elapsed"], self.initial)
            shown["rate"] = work_left / left if left > 0 else None
        return shown


def progress_bar(
    schedule: Schedule,
    done: float = 0.0,
    shown: bool = True,
    expected: Forecast | None = None,
) -> ProgressBar:
    """Counts work units, since steps of different stages take different times.

    Args:
        schedule: of the run.
        done: work units of an earlier part of the run.
        shown: whether there is anything to see.
        expected: what the run takes; if not given, each work unit is expected to take as long.
    """
    form = "{percentage:3.0f}%|{bar}| {n:,.0f}/{total:,.0f} WU [{elapsed}<{remaining}{postfix}]"
    total = schedule.work_units
    bar = ProgressBar(
        total=total,
        initial=done,
        bar_format=form,
        smoothing=0.02,
        dynamic_ncols=True,
        disable=not shown,
    )
    bar.forecast = expected
    return bar
