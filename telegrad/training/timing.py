"""How many seconds a run takes: a few steps of every stage are timed before it, and undone."""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from telegrad.records import NoRecords, RunDirectory
from telegrad.schedules import Stage
from telegrad.tasks import Objective
from telegrad.training.forecast import Forecast
from telegrad.training.loop import take_step
from telegrad.training.sets import SetsValidation
from telegrad.training.state import TrainingState
from telegrad.training.validation import Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SHARE = 0.01
"""What timing may cost, of the work whose seconds it estimates."""

TIMED_IMAGES = 8
"""Of a validation, by which its seconds are estimated."""

MOST_ROUNDS = 6
"""Steps of each stage that are enough."""


def forecast(
    fabric: Fabric,
    state: TrainingState,
    objective: Objective,
    validation: Validation,
    validations: int,
    sets: SetsValidation | None = None,
) -> Forecast | None:
    """Seconds of the run; None where timing would cost more than `SHARE` of the work left."""
    schedule = state.schedule
    left = schedule.work_units - state.progress.work_units
    evaluated = min(validation.batch_size, len(validation.draw["clean"]))
    one_round = sum(schedule.step_cost(stage) for stage in schedule.stages) + evaluated / 3
    rounds = min(int(SHARE * left / one_round), MOST_ROUNDS)
    if rounds < 2:
        return None
    of_steps = seconds_per_step(fabric, state, objective, rounds)
    of_validation = seconds_per_validation(validation, state.evaluated, rounds)
    if sets is not None and sets.every is not None:
        of_validation += sets.seconds(state.evaluated) / sets.every
    return Forecast.of(schedule, of_steps, of_validation, validations)


def seconds_per_step(
    fabric: Fabric,
    state: TrainingState,
    objective: Objective,
    rounds: int = 3,
    stages: Sequence[Stage] | None = None,
) -> list[float]:
    """Seconds of one step of each stage, made whole: crops, passes and update.

    The state is put back as that of a stopped run is, and every step seeds its own randomness: the
    run that follows is the same, bit by bit, as if nothing had been timed.

    Args:
        rounds: steps of each stage, 2 or more; see `median_seconds`.
        stages: others than those of the run.

    Raises:
        MemoryError: if a stage needs more memory than there is; names level and batch size.
    """
    unwritten, any_number = NoRecords(RunDirectory("", "")), sys.maxsize
    step = partial(take_step, fabric, state, objective, unwritten)
    before, whole = copy.deepcopy(state.state_dict()), state.schedule
    timed = whole.stages if stages is None else stages
    alike = [replace(stage, steps=any_number, rate=1.0, heat=None) for stage in timed]
    seconds: dict[Stage, float] = {}
    state.train()
    try:
        for stage in dict.fromkeys(alike):
            state.schedule = replace(whole, stages=(stage,))
            seconds[stage] = median_seconds(partial(step, skips=any_number), rounds)
    finally:
        state.optimizer.zero_grad(set_to_none=True)
        state.load_state_dict(before)
        state.schedule = whole
    return [seconds[stage] for stage in alike]


def seconds_per_validation(validation: Validation, network: nn.Module, rounds: int = 3) -> float:
    """Seconds of one validation, from its first images."""
    first = validation.first(TIMED_IMAGES)
    images = validation.images / first.images
    return median_seconds(lambda: first.evaluate(network), rounds) * images


def median_seconds(function: Callable[[], object], rounds: int) -> float:
    """The median of so many calls but the first, which warms up."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
