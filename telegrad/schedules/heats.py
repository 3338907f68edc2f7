"""Heats: stages that all begin with the same weights; the run goes on from the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage

MARGIN, MARGIN_OF_KINDS = 0.01, 0.03
"""Part by which the losses of two heats differ that can be told apart: with the same kind of step,
and with another, which is a step that the run doesn't take back."""


@dataclass
class Heats:
    """Decides which of the heats of a round is gone on from, and what the later stages become.

    A round is heats with the same number in a row (`Stage.heat`). All later stages take the kind of
    step and the learning rate of its winner; those of later heats are relative to them. Stages keep
    their part of the budget. A heat that lies beyond one that was no better, in learning rate or
    kind, is taken not to win: it is left out, and its part of the budget is the next stage's.

    Attributes:
        rounds: for each heat of each round how many kinds further than the kind until then it is,
            and what it multiplies the learning rate until then by.
        kinds: of steps: level, and batch size.
        costs: of a step of each kind, in what the budget is in: work units or seconds.
        losses: of the heats of the round until now, on validation crops, by the number of stage.
    """

    rounds: list[list[tuple[int, float]]]
    kinds: list[tuple[int, int]]
    costs: list[float]
    losses: dict[int, float] = field(default_factory=dict)

    def take_costs(self, schedule: Schedule, of_stages: Sequence[float]) -> None:
        """Says what a step costs in each stage, where that is measured."""
        kinds = [_kind(stage) for stage in schedule.stages]
        self.costs = [of_stages[kinds.index(kind)] for kind in self.kinds]

    def heat_that_ends(self, schedule: Schedule, done: int) -> int | None:
        """The number of the stage that ends after so many steps, if it is a heat."""
        number, stage = schedule.at(done - 1)
        ends = done == sum(schedule.lengths[: number + 1])
        return number if ends and stage.heat is not None else None

    def round_begins(self, schedule: Schedule, done: int) -> bool:
        """Whether the next step is the first of a round."""
        if done >= schedule.steps:
            return False
        number, stage = schedule.at(done)
        at_first = done == sum(schedule.lengths[:number])
        return at_first and stage.heat is not None and self.begins_round(schedule, number)

    def begins_round(self, schedule: Schedule, number: int) -> bool:
        """Whether a heat is the first of its round."""
        return number == 0 or schedule.stages[number - 1].heat != schedule.stages[number].heat

    def ends_round(self, schedule: Schedule, number: int) -> bool:
        """Whether a heat is the last of its round."""
        return number + 1 == len(schedule.stages) or self.begins_round(schedule, number + 1)

    def leads(self, schedule: Schedule, number: int, loss: float) -> bool:
        """Takes the loss of a heat; whether it is the best of its round until now."""
        if self.begins_round(schedule, number):
            self.losses = {}
        self.losses[number] = loss if math.isfinite(loss) else math.inf
        return self.winner(schedule) == number

    def winner(self, schedule: Schedule) -> int:
        """The stage of the best heat until now.

        It is the first of those that can't be told apart. But where a lower learning rate than its
        own can't be, and is better than a higher one, the best rate lies between its own and the
        lower one: then that wins, since heats tend to rates that are too high in the end.
        """
        losses, places = self.losses, {k: self._place(schedule.stages[k]) for k in self.losses}
        best, *others = losses
        tried = [best]
        for k in others:
            margin = MARGIN if places[k][0] == places[best][0] else MARGIN_OF_KINDS
            above = [losses[n] for n in tried if places[n] > places[best]]
            is_better = losses[k] < _below(losses[best], margin)
            is_as_good = losses[best] >= _below(losses[k], margin)
            is_nearer = places[k] < places[best] and losses[k] < min(above, default=-math.inf)
            if is_better or (is_as_good and is_nearer):
                best = k
            tried.append(k)
        return best

    def pruned(self, schedule: Schedule, number: int) -> Schedule:
        """The schedule after a heat, without others of its round that can't win.

        One kind and one rate have the lowest loss, which grows to both sides of them. As long as
        all heats diverged, nothing is known of it.
        """
        if math.isinf(self.losses[self.winner(schedule)]):
            return schedule
        stages, round_ = schedule.stages, schedule.stages[number].heat
        tried = [self._place(stages[k]) for k in self.losses]
        best = self._place(stages[self.winner(schedule)])

        def can_win(stage: Stage) -> bool:
            low, high = sorted((best, self._place(stage)))
            return not any(low < place < high for place in tried)

        return self._without(
            schedule,
            {
                k
                for k, stage in enumerate(stages)
                if k > number and stage.heat == round_ and not can_win(stage)
            },
        )

    def settled(self, schedule: Schedule) -> Schedule:
        """The schedule after a round."""
        best, last = schedule.stages[self.winner(schedule)], max(self.losses)
        stages = list(schedule.stages[: last + 1])
        for stage in schedule.stages[last + 1 :]:
            further, times = 0, 1.0
            if stage.heat is not None:
                place = sum(earlier.heat == stage.heat for earlier in stages)
                further, times = self.rounds[stage.heat][place]
            old = self.kinds.index(_kind(stage))
            new = min(self.kinds.index(_kind(best)) + further, len(self.kinds) - 1)
            steps = max(1, round(stage.steps * self.costs[old] / self.costs[new]))
            level, n = self.kinds[new]
            stages.append(
                replace(stage, steps=steps, finest=level, batch_sizes=(n,), rate=best.rate * times)
            )
        return replace(schedule, stages=tuple(stages))

    def _place(self, stage: Stage) -> tuple[int, float]:
        return self.kinds.index(_kind(stage)), stage.rate

    def _without(self, schedule: Schedule, numbers: set[int]) -> Schedule:
        """Without these heats; the stage after one has its part of the budget as well."""
        if not numbers:
            return schedule
        stages: list[Stage] = []
        spare = 0.0
        for number, stage in enumerate(schedule.stages):
            cost = self.costs[self.kinds.index(_kind(stage))]
            if number in numbers:
                spare += stage.steps * cost
            else:
                stages.append(replace(stage, steps=stage.steps + round(spare / cost)))
                spare = 0.0
        return replace(schedule, stages=tuple(stages))

    def reason(self, schedule: Schedule) -> str:
        """The round in words."""
        stages = {number: schedule.stages[number] for number in self.losses}
        of_rates = len({stage.rate for stage in stages.values()}) > 1
        words, winner = [], self.winner(schedule)
        for number, stage in stages.items():
            height, width = schedule.grids.shape(stage.finest)
            kind = f"{stage.batch_sizes[0]} of {height}×{width}"
            what = f"learning rate ×{stage.rate:g}" if of_rates else kind
            best = " (best)" if number == winner else ""
            words.append(f"{what} {self.losses[number]:.4g}{best}")
        return f"loss after heats: {'; '.join(words)}"


def _below(loss: float, margin: float) -> float:
    """What is lower by that part of it; also of a negative loss, such as −PSNR."""
    return loss - margin * abs(loss) if math.isfinite(loss) else loss


def _kind(stage: Stage) -> tuple[int, int]:
    return stage.finest, stage.batch_sizes[-1]
