"""Batch sizes and coefficients that follow the training: when to measure, and what to choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telegrad.diagnostics.gain import Allocation
from telegrad.diagnostics.statistics import LevelStatistics
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage


@dataclass
class Adaptation:
    """Probes the gradients of a few draws now and then, and chooses levels, batch sizes and α.

    Args:
        share: of the work that probes may take, such as 0.05.
        budgets: work units of a step, by the finest level of its stage.
        draws: of one probe.
        spent: work units on probes until now.
    """

    share: float
    budgets: Mapping[int, float]
    draws: int = 24
    spent: float = 0.0

    @classmethod
    def of(cls, schedule: Schedule, share: float) -> Adaptation:
        """Keeps the work of a step as the schedule has it."""
        return cls(share, {stage.finest: schedule.step_cost(stage) for stage in schedule.stages})

    def cost(self, schedule: Schedule, stage: Stage) -> float:
        """Work units of one probe: a forward and backward pass of each draw on each level."""
        return self.draws * sum(schedule.grids.between(0, stage.finest).costs)

    def due(self, schedule: Schedule, done: int, work_units: float) -> bool:
        """Whether to probe after `done` steps and so many work units.

        There must be levels to choose among, the probes must stay within their share of the work
        until now, and leave most of the stage to profit by it.
        """
        number, stage = schedule.at(done)
        cost = self.cost(schedule, stage)
        steps_left = sum(schedule.lengths[: number + 1]) - done
        return (
            stage.finest > 0
            and self.spent + cost <= self.share * work_units
            and 4 * cost <= steps_left * schedule.step_cost(stage)
        )


def best_allocation_of(
    statistics: LevelStatistics, schedule: Schedule, budget: float
) -> Allocation | None:
    """The allocation predicted to be the best in the schedule's form; None for one level.

    One level it is where the draws don't show, with 95 % confidence, that several are better.
    """
    best = statistics.allocation(form=schedule.form, budget=budget)
    return None if best.one_level or not statistics.gain(best).low > 1 else best
