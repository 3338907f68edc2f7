"""When to leave a level: from validations on the finest level to the next stage."""

from __future__ import annotations

import math
from dataclasses import dataclass

from telegrad.schedules.schedule import Schedule


@dataclass
class EarlyStop:
    """Leaves a coarse level that lowers the finest loss no more, before its share is used up.

    A stage has its share of the work as an upper bound. It is left earlier when the finest loss has
    had no new lowest value for a third of that share and for three validations; the later stages
    then get what it had left. At a constant learning rate the loss of a trained level swings around
    a value that falls slowly, so a shorter wait would take a swing for the end.

    Attributes:
        level: finest one of the stage that is looked at.
        lowest: finest validation loss since the stage began.
        lowest_at: work units at that validation.
        waited: validations since then.
        costs: of a step of each stage, in what the budget is in; None for work units.
    """

    level: int = -1
    lowest: float = math.inf
    lowest_at: float = 0.0
    waited: int = 0
    costs: list[float] | None = None

    def next_stage(self, schedule: Schedule, done: int) -> Schedule:
        """The schedule of a run that leaves its stage after so many steps in all."""
        of_stages = self.costs is not None and len(self.costs) == len(schedule.stages)
        return schedule.next_stage(done, self.costs if of_stages else None)

    def look(self, schedule: Schedule, done: int, work_units: float, loss: float) -> str | None:
        """The reason to leave the stage now, or None to stay.

        Args:
            schedule: as it is now.
            done: steps made, one or more.
            work_units: spent on them.
            loss: of the finest level, on the images that every validation takes.
        """
        number, stage = schedule.at(done - 1)
        if stage.finest != self.level:
            self.level, self.lowest = stage.finest, math.inf
            self.lowest_at, self.waited = work_units, 0
        if loss < self.lowest:
            self.lowest, self.lowest_at, self.waited = loss, work_units, 0
        else:
            self.waited += 1
        if number == len(schedule.stages) - 1 or done == sum(schedule.lengths[: number + 1]):
            return None
        idle = work_units - self.lowest_at
        of_level = [s for s in schedule.stages if s.finest == stage.finest]
        share = sum(s.steps * schedule.step_cost(s) for s in of_level)
        if self.waited < 3 or 3 * idle < share:
            return None
        return (
            f"level {stage.finest} has not lowered the finest loss for {idle:,.0f} WU (lowest "
            f"{self.lowest:.4g} at {self.lowest_at:,.0f} WU, now {loss:.4g}): moving to level "
            f"{schedule.stages[number + 1].finest}"
        )
