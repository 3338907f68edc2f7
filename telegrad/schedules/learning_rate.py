"""The learning rate at any moment of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from telegrad.mge.numbers import is_number
from telegrad.schedules.schedule import Schedule


@dataclass(frozen=True)
class LearningRate:
    """The learning rate at any moment of a run; a run with more work is on a longer curve at once.

    Attributes:
        highest: at the beginning.
        lowest: at the end, unless `highest` is below it.
        decay: None: half a cosine over all steps. Else the last part of the work, in [0, 1], over
            which it falls linearly; before that it is constant, so that stages may change length.
        warmup: first part of the work, in [0, 1), over which it rises linearly from `lowest`.
    """

    highest: float
    lowest: float = 1e-6
    decay: float | None = None
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if not (is_number(self.highest) and 1e-12 <= self.highest <= 1e3):
            raise ValueError(
                f"learning_rate={self.highest}: needs a number from 1e-12 to 1,000, such as 1e-3."
            )

    def at(self, schedule: Schedule, iteration: int, work_units: float) -> float:
        """Of the next step, after so many steps and work units."""
        if self.decay is None:
            past = min(iteration / schedule.steps, 1.0)
            height = (1 + math.cos(math.pi * past)) / 2
        else:
            left = 1 - work_units / schedule.work_units
            height = min(max(left / self.decay, 0.0), 1.0) if self.decay else 1.0
        if work_units < self.warmup * schedule.work_units:
            height *= work_units / (self.warmup * schedule.work_units)
        lowest = min(self.lowest, self.highest)
        return lowest + (self.highest - lowest) * height
