"""What the parts of a run take, and the run that fits into a budget of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from telegrad.runs.config import Config
from telegrad.schedules import Schedule, Stage
from telegrad.tasks import Objective
from telegrad.training.forecast import Forecast, validation_steps
from telegrad.training.sets import SetsValidation
from telegrad.training.state import TrainingState
from telegrad.training.timing import seconds_per_step, seconds_per_validation
from telegrad.training.validation import Validation
from telegrad.training.validation_plan import ValidationPlan

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Timing:
    """Seconds, measured before the first step.

    Attributes:
        steps: of one step of each stage.
        image: of validating one image.
        images: of a validation, as many as there are.
        sets: of measuring all sets of whole images once.
        sets_every: validations from one such measurement to the next; None for the end alone.
    """

    steps: list[float]
    image: float
    images: int
    sets: float = 0.0
    sets_every: int | None = None

    @classmethod
    def of(
        cls,
        fabric: Fabric,
        state: TrainingState,
        objective: Objective,
        validation: Validation,
        sets: SetsValidation | None,
        rounds: int = 4,
    ) -> Timing:
        """Makes a few steps of every stage, and part of a validation, and undoes them."""
        steps = seconds_per_step(fabric, state, objective, rounds=rounds)
        of_validation = seconds_per_validation(validation, state.evaluated)
        of_sets = 0.0 if sets is None else sets.seconds(state.evaluated)
        every = None if sets is None else sets.every
        return cls(steps, of_validation / validation.images, validation.images, of_sets, every)

    def of_others(self, schedule: Schedule, other: Schedule) -> Timing:
        """Of a schedule whose stages make steps that this one has as well."""
        kinds, others = ([_step(s) for s in of.stages] for of in (schedule, other))
        return replace(self, steps=[self.steps[kinds.index(kind)] for kind in others])

    def forecast(self, schedule: Schedule, validations: int, images: int) -> Forecast:
        """Of a run along the schedule that validates on so many images, without sets at the end."""
        of_validation = images * self.image
        of_validation += self.sets / self.sets_every if self.sets_every else 0.0
        return Forecast.of(schedule, self.steps, of_validation, validations)


def within_time(
    config: Config, schedule: Schedule, timing: Timing
) -> tuple[ValidationPlan, Schedule]:
    """The run in the budget's seconds: how it validates, and its stages.

    Raises:
        ValueError: if validations that were asked for take more than half of the budget, or what
            is left is too little for one step of each stage.
    """
    strategy, asked = config.build_strategy(), config.validation
    seconds = strategy.time_limit
    assert seconds is not None
    wanted = ValidationPlan(config.validations, timing.images)
    chosen = ValidationPlan.within(
        *(seconds, timing.image, len(schedule.stages), wanted),
        times_open=asked.times is None,
        images_open=asked.images is None,
    )
    measured = 1 + (chosen.validations // timing.sets_every if timing.sets_every else 0)
    of_sets = timing.sets * measured
    one, ends = chosen.images * timing.image, len(schedule.stages)
    if one * (chosen.validations + ends) + of_sets > seconds / 2 and _was_asked_for(config):
        in_sets = f" (whole images {of_sets:.2g} s: --validation.sets, --validation.sets_every)"
        raise ValueError(
            f"budget={strategy.budget}: its {chosen.validations} validations alone take "
            f"{one * (chosen.validations + ends) + of_sets:.2g} s{in_sets if of_sets else ''}, "
            f"more than half of it; use fewer validations (--validation.times) or images "
            f"(--validation.images), or a larger budget."
        )
    number, shares = chosen.validations + ends, strategy.shares_of(schedule)
    for _ in range(2):  # each stage ends with a validation, which may be one of the others
        left = max(seconds - one * number - of_sets, seconds / 2)
        schedule = schedule.with_seconds(left, timing.steps, shares)
        number = len(validation_steps(schedule, chosen.validations))
    return chosen, schedule


def _step(stage: Stage) -> Stage:
    return replace(stage, steps=1, rate=1.0, heat=None)


def _was_asked_for(config: Config) -> bool:
    asked = config.validation
    return asked.times is not None or asked.images is not None or bool(asked.sets)
