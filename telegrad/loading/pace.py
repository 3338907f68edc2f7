"""How a schedule is fitted into a budget of time: its steps are timed as they are made."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.distributed

from telegrad.schedules import Schedule

FIRST = 4
"""Steps of each stage that are made first, to time them; the first of them warms up."""

LOOKS = 20
"""How often stages are fitted anew, evenly over the budget."""

ENOUGH = 10
"""Steps of a stage whose mean is better than the median of the first."""


class Pace:
    """The lengths of a schedule's stages, so that all steps together take its seconds.

    A few steps of each stage come first: real ones, which train. Then the stages follow in the
    proportions of the schedule. Where each begins, and `LOOKS` times in all (with several processes
    in its middle instead), those that are left are fitted into the time that is left: all that
    passes from one step to the next counts, as validations do, and as much of it is expected of
    later stages.

    Args:
        schedule: with seconds.
        clock: in seconds.
        world: processes, all of which follow the first one's clock.
    """

    def __init__(self, schedule: Schedule, clock: Callable[[], float], world: int) -> None:
        assert schedule.seconds is not None
        self.whole, self.budget = schedule, schedule.seconds
        self.clock, self.world = clock, world
        self.elapsed = 0.0
        self.first: list[list[float]] = [[] for _ in schedule.stages]
        self.then = [[0, 0.0] for _ in schedule.stages]  # steps, and their seconds
        self._last: float | None = None
        self._fitted_at = 0.0

    def begun(self) -> Schedule:
        """The schedule with the steps that are timed, and the others as long as they were."""
        return self._of_lengths(self.whole.lengths)

    def is_timing(self, schedule: Schedule, done: int) -> bool:
        """Whether the last of so many steps was one of those that come first, to time them."""
        return done > 0 and schedule.at(done - 1)[0] < len(self.first)

    def looked_at(self, schedule: Schedule, done: int) -> Schedule | None:
        """The schedule from here on, if it is to be another; called before every step.

        Raises:
            ValueError: if there is not time for one step of each stage.
        """
        stages = len(self.first)
        number, _ = schedule.at(done)
        if number < stages and torch.cuda.is_initialized():
            torch.cuda.synchronize()  # a step that has only been started has not been timed
        self._tick(schedule, done)
        if number < stages:
            return None
        made = done - sum(schedule.lengths[:number])
        due = self.elapsed - self._fitted_at > self.budget / LOOKS
        if self.world > 1:  # asking the first process before every step would cost too much
            due = made == schedule.lengths[number] // 2
        if made and not due:
            return None
        self._fitted_at = self.elapsed
        return self._fitted(schedule.lengths[stages:], number - stages, made)

    def stop(self, schedule: Schedule, done: int) -> None:
        """What passes from here to the next look does not count."""
        self._tick(schedule, done)
        self._last = None

    def _fitted(self, lengths: Sequence[int], current: int, made: int) -> Schedule:
        """Stages from `current` on, of which so many steps are made, in the time that is left."""
        left, seconds = self._agreed([self.budget - self.elapsed, self.seconds])
        whole = self.whole.lengths
        if current == made == 0:
            self.whole.with_seconds(max(left, 0.0), seconds)  # or says that it is too little
        of_one = sum(n * s for n, s in zip(whole[current:], seconds[current:], strict=True))
        longer = max(left + made * seconds[current], 0.0) / of_one
        later = [max(1, round(n * longer)) for n in whole[current:]]
        later[0] = max(later[0], made + 1)
        return self._of_lengths([*lengths[:current], *later])

    def _of_lengths(self, lengths: Sequence[int]) -> Schedule:
        first = tuple(replace(stage, steps=FIRST) for stage in self.whole.stages)
        then = self.whole.of_lengths(lengths).stages
        return replace(self.whole, stages=(*first, *then), seconds=None)

    @property
    def seconds(self) -> list[float]:
        """Of a step of each stage: the mean, once there are enough.

        Else of the first ones, times what later ones of other stages took more than their first.
        """
        first = self._first_seconds()
        expected = sum(steps * s for s, (steps, _) in zip(first, self.then, strict=True))
        more = sum(in_all for _, in_all in self.then) / expected if expected else 1.0
        return [
            in_all / steps if steps >= ENOUGH else s * more
            for s, (steps, in_all) in zip(first, self.then, strict=True)
        ]

    def _first_seconds(self) -> list[float]:
        """Of a step of each stage, by the first ones. Where a run was stopped after each of those,
        none was timed; then by the stage's work units."""
        medians = [statistics.median(s[1:] or s) if s else None for s in self.first]
        costs = [self.whole.step_cost(stage) for stage in self.whole.stages]
        timed = [s / cost for s, cost in zip(medians, costs, strict=True) if s is not None]
        of_unit = statistics.median(timed or [self.budget / self.whole.work_units])
        return [of_unit * cost if s is None else s for s, cost in zip(medians, costs, strict=True)]

    def _tick(self, schedule: Schedule, done: int) -> None:
        """What has passed since the last look is the time of the step before."""
        now = self.clock()
        if self._last is not None and done:
            self._took(schedule.at(done - 1)[0], now - self._last)
        self._last = now

    def _took(self, stage: int, seconds: float) -> None:
        self.elapsed += seconds
        if stage < len(self.first):
            self.first[stage].append(seconds)
        else:
            so_far = self.then[stage - len(self.first)]
            so_far[0], so_far[1] = so_far[0] + 1, so_far[1] + seconds

    def _agreed(self, of_this_process: list[Any]) -> list[Any]:
        """As the first process has it."""
        if self.world > 1:
            torch.distributed.broadcast_object_list(of_this_process)
        return of_this_process

    def state_dict(self) -> dict[str, Any]:
        first, then = ([list(of_stage) for of_stage in all_] for all_ in (self.first, self.then))
        return {"elapsed": self.elapsed, "first": first, "then": then}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.elapsed = state["elapsed"]
        self.first, self.then = ([list(s) for s in state[name]] for name in ("first", "then"))
        self._last = None
