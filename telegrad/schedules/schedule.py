"""A schedule: stages on one hierarchy of grids, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import torch

from telegrad.mge.grids import GridHierarchy, sized
from telegrad.mge.numbers import is_number, is_whole
from telegrad.mge.weights import Form, check_batch_sizes, shell_sizes, work_units
from telegrad.schedules.stage import Stage


@dataclass(frozen=True, repr=False)
class Schedule:
    """Stages on one hierarchy of grids, one after the other.

    >>> from telegrad.schedules import fullmultiscale
    >>> fullmultiscale(GridHierarchy(finest=(64, 64), levels=4), form="independent")
    Schedule: 3,750 steps, 28,750 work units, independent form
    stage    steps     levels           batch sizes  per step  work units
        0    2,000          0                   128         2       4,000
        1    1,000       0..1                128/64         7       7,000
        2      500       0..2             128/64/32        17       8,500
        3      250       0..3          128/64/32/16        37       9,250

    Attributes:
        grids: all levels.
        stages: in their order.
        form: of the multiscale gradient, where a stage has several levels.
        patches: part of the samples on coarse levels, in [0, 1], that are patches of that level's
            shape, cut from an image of the finest level, instead of images restricted to it.
        seconds: the budget, if it is one of time. The stages then say how they share it, as their
            steps keep their proportions; `ScheduledLoader` times them, and sets their number. Until
            then there is no walking it, and `with_steps` and its like give a length instead.

    Raises:
        ValueError: if a stage leaves the hierarchy, has no steps, its batch sizes don't suit the
            form, or it sums over levels of which one has patches.
    """

    grids: GridHierarchy
    stages: tuple[Stage, ...]
    form: Form = "nested"
    patches: float = 0.0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.grids, GridHierarchy):
            raise TypeError(f"Schedule: grids={self.grids!r}; needs a GridHierarchy.")
        stages = self.stages if isinstance(self.stages, (tuple, list)) else [self.stages]
        if not stages:
            raise ValueError("Schedule: no stages; needs one or more.")
        if not (stages is self.stages and all(isinstance(stage, Stage) for stage in stages)):
            raise TypeError(f"Schedule: stages={self.stages!r}; needs a tuple of Stage.")
        if not (is_number(self.patches) and 0 <= self.patches <= 1):
            raise ValueError(f"Schedule: patches={self.patches!r}; needs a part in [0, 1].")
        if self.seconds is not None and not (is_number(self.seconds) and self.seconds > 0):
            raise ValueError(f"Schedule: seconds={self.seconds!r}; needs a positive number.")
        for number, stage in enumerate(self.stages):
            if not 0 <= stage.coarsest <= stage.finest < self.grids.levels:
                raise ValueError(
                    f"Schedule: stage {number} uses levels {stage.coarsest} to {stage.finest}; the "
                    f"grids have levels 0 to {self.grids.levels - 1}."
                )
            if stage.steps < 1:
                raise ValueError(
                    f"Schedule: stage {number} has {stage.steps} steps; needs 1 or more."
                )
            one_at_a_time = stage.random_level or len(stage.batch_sizes) == 1
            if self.patches and not one_at_a_time:
                raise ValueError(
                    f"Schedule: stage {number} sums over levels {stage.coarsest} to "
                    f"{stage.finest}; patches of different sizes don't telescope. Use one batch "
                    f"size a stage, or random_level=True."
                )
            if stage.shape is not None:
                whole = self.grids.shape(stage.finest)
                smaller = all(1 <= n <= of for n, of in zip(stage.shape, whole, strict=False))
                alike = len(stage.shape) == len(whole)
                if 0 < self.patches < 1:
                    raise ValueError(
                        f"Schedule: stage {number} has shape={stage.shape}, and patches="
                        f"{self.patches:g}; needs patches=0 to resize images to it, or 1 to cut "
                        f"patches in it."
                    )
                if len(stage.batch_sizes) > 1 or not (smaller and alike):
                    raise ValueError(
                        f"Schedule: stage {number} has shape={stage.shape}; needs one batch size, "
                        f"and at most the {sized(whole)} pixels of level {stage.finest}."
                    )
            form = "independent" if stage.random_level else self.form
            check_batch_sizes(stage.batch_sizes, len(stage.batch_sizes), form)

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    @cached_property
    def work_units(self) -> float:
        """Work units of all steps together."""
        return sum(stage.steps * self.step_cost(stage) for stage in self.stages)

    def work_before(self, step: int) -> float:
        """Work units of the steps before one, counted from 0; of all where it is their number."""
        self._check_length()
        if not (is_whole(step) and 0 <= step <= self.steps):
            raise ValueError(f"Schedule: no step {step!r}; there are {self.steps}, counted from 0.")
        work, first = 0.0, 0
        for stage in self.stages:
            steps = range(first, min(first + stage.steps, step))
            if stage.random_level:
                work += sum(self.step_cost(self.at(k)[1]) for k in steps)
            else:
                work += len(steps) * self.step_cost(stage)
            first += stage.steps
        return work

    def step_cost(self, stage: Stage) -> float:
        """Work units of one step of `stage`; their mean, where its level is drawn at random."""
        return _step_cost(self.grids, stage, self.form)

    def stage_grids(self, stage: Stage) -> GridHierarchy:
        """The levels that `stage` uses."""
        return _stage_grids(self.grids, stage)

    def walk(self, start: int = 0) -> Iterator[tuple[int, int, Stage]]:
        """(step, number of the stage, stage) for every step from `start` on; steps count from 0.

        Raises:
            ValueError: if the budget is one of time.
        """
        self._check_length()
        return self._walk(start)

    def _walk(self, start: int) -> Iterator[tuple[int, int, Stage]]:
        first = 0
        for number, stage in enumerate(self.stages):
            for step in range(max(first, start), first + stage.steps):
                yield step, number, stage
            first += stage.steps

    def at(self, step: int) -> tuple[int, Stage]:
        """(number of the stage, stage) of a step; steps count from 0.

        Where the stage's level is drawn at random, it is the stage on that level: the step decides
        which, so that a resumed run goes on as it would have.

        Raises:
            ValueError: for a step that there is not, or if the budget is one of time.
        """
        self._check_length()
        first = 0
        for number, stage in enumerate(self.stages):
            first += stage.steps
            if 0 <= step < first:
                if stage.random_level:
                    draw = torch.Generator().manual_seed(step)
                    levels = stage.coarsest, stage.finest + 1
                    stage = stage.on_level(int(torch.randint(*levels, (), generator=draw)))
                return number, stage
        raise ValueError(f"Schedule: no step {step}; there are {self.steps}, counted from 0.")

    def next_stage(self, done: int, costs: Sequence[float] | None = None) -> Schedule:
        """The schedule of a run that leaves its stage after `done` steps in all.

        What the stage had left is spread over the later ones as their own part of the budget is.

        Args:
            done: steps made.
            costs: of a step of each stage, in what the budget is in; by default work units.

        Raises:
            ValueError: if that stage is the last one.
        """
        number, _ = self.at(done - 1)
        if number == len(self.stages) - 1:
            raise ValueError("Schedule: the last stage can't be left for a later one.")
        if costs is None:
            costs = [self.step_cost(stage) for stage in self.stages]
        kept = [*self.lengths[:number], done - sum(self.lengths[:number])]
        spare = (self.lengths[number] - kept[-1]) * costs[number]
        later = zip(self.lengths[number + 1 :], costs[number + 1 :], strict=True)
        longer = 1 + spare / sum(n * cost for n, cost in later)
        return self.of_lengths([*kept, *(round(n * longer) for n in self.lengths[number + 1 :])])

    def changed(
        self,
        done: int,
        batch_sizes: tuple[int, ...],
        alphas: tuple[float, ...] | None = None,
        less: float = 0.0,
    ) -> Schedule:
        """The schedule of a run that goes on with other batch sizes after `done` steps in all.

        The stage of the next step is made of two from there on, if it has begun.

        Args:
            done: steps made.
            batch_sizes: for what is left of that stage, up to its own finest level.
            alphas: likewise.
            less: work units to be left out of what the stage still has.
        """
        number, stage = self.at(done)
        made = done - sum(self.lengths[:number])
        new = replace(stage, steps=1, batch_sizes=batch_sizes, alphas=alphas)
        work = (stage.steps - made) * self.step_cost(stage) - less
        new = replace(new, steps=max(1, round(work / self.step_cost(new))))
        begun = (replace(stage, steps=made),) if made else ()
        later = self.stages[number + 1 :]
        return replace(self, stages=(*self.stages[:number], *begun, new, *later))

    def with_seconds(
        self, budget: float, step_seconds: Sequence[float], shares: Sequence[float] | None = None
    ) -> Schedule:
        """The same stages with `budget` seconds in all.

        Args:
            budget: in seconds; met to within half a step of each stage, or one where a stage has
                no more.
            step_seconds: of one step of each stage.
            shares: of the budget for each stage; by default such that steps keep their proportions.
        """
        if shares is None:
            shares = [n * seconds for n, seconds in zip(self.lengths, step_seconds, strict=True)]
        else:
            self._check_shares(shares)
        if budget < sum(step_seconds):
            raise ValueError(
                f"Schedule: {budget:.3g} seconds of training are too few for one step of each "
                f"stage, which takes {sum(step_seconds):.2g} s; needs a larger budget, smaller "
                f"batches or fewer stages."
            )
        return self.of_lengths(_lengths(budget, shares, step_seconds))

    def with_steps(self, steps: int) -> Schedule:
        """The same stages with `steps` steps in all, spread in the same proportions."""
        if not is_whole(steps) or steps < len(self.stages):
            raise ValueError(
                f"Schedule: {steps!r} steps for {len(self.stages)} stages; needs one each or more."
            )
        boundaries, so_far = [0], 0
        for stage in self.stages:
            so_far += stage.steps
            boundaries.append(round(steps * so_far / self.steps))
        for k in range(1, len(boundaries)):  # at least one step for each stage …
            boundaries[k] = max(boundaries[k], boundaries[k - 1] + 1)
        boundaries[-1] = steps
        for k in reversed(range(1, len(boundaries))):  # … also for the last ones
            boundaries[k - 1] = min(boundaries[k - 1], boundaries[k] - 1)
        return self.of_lengths([b - a for a, b in zip(boundaries, boundaries[1:], strict=False)])

    def with_work(self, budget: float, shares: Sequence[float] | None = None) -> Schedule:
        """The same stages with `budget` work units in all.

        Args:
            budget: in work units; met to within half a step of each stage, or one where a stage
                has no more.
            shares: of the budget for each stage; by default as they are shared now.
        """
        if shares is None:
            shares = [stage.steps * self.step_cost(stage) for stage in self.stages]
        if not is_number(budget):
            raise ValueError(f"Schedule: {budget!r} work units; needs a finite number.")
        self._check_shares(shares)
        costs = [self.step_cost(stage) for stage in self.stages]
        if budget < sum(costs):
            raise ValueError(
                f"Schedule: {budget:g} work units are too few for one step of each stage, which "
                f"takes {sum(costs):g}; needs a larger budget, smaller batches or fewer stages."
            )
        return self.of_lengths(_lengths(budget, shares, costs))

    def with_epochs(self, epochs: float, samples: int) -> Schedule:
        """The same stages in the same proportions, in which each sample serves `epochs` times.

        >>> from telegrad.schedules import single
        >>> single(GridHierarchy((64, 64), levels=1), batch_size=10).with_epochs(3, 500).steps
        150
        """
        if not (is_number(epochs) and epochs > 0 and is_whole(samples) and samples > 0):
            raise ValueError(
                f"Schedule: {epochs!r} epochs of {samples!r} samples; needs positive numbers."
            )
        longer = epochs * samples / sum(self._step_samples(s) * s.steps for s in self.stages)
        return self.of_lengths([max(1, round(n * longer)) for n in self.lengths])

    def _step_samples(self, stage: Stage) -> float:
        """Of one step; their mean, where its level is drawn at random."""
        if stage.random_level:
            return sum(stage.batch_sizes) / len(stage.batch_sizes)
        return sum(shell_sizes(stage.batch_sizes, self.form))

    def without_empty(self, shares: Sequence[float]) -> Schedule:
        """The stages whose share of the budget is not 0, of one share for each stage."""
        self._check_shares(shares, zeros=True)
        stages = (stage for stage, share in zip(self.stages, shares, strict=True) if share)
        return replace(self, stages=tuple(stages))

    @property
    def needs_a_run(self) -> bool:
        """Whether stages have rates of their own, or are heats: what batches alone can't bring."""
        return any(stage.heat is not None or stage.rate != 1 for stage in self.stages)

    def of_batches(self) -> Schedule:
        """The same batches, without rates and heats."""
        plain = (replace(stage, rate=1.0, heat=None) for stage in self.stages)
        return replace(self, stages=tuple(plain))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Steps of each stage."""
        return tuple(stage.steps for stage in self.stages)

    def of_lengths(self, lengths: Sequence[int]) -> Schedule:
        """The same stages, with so many steps each; no longer a budget of time."""
        stages = (replace(s, steps=n) for s, n in zip(self.stages, lengths, strict=True))
        return replace(self, stages=tuple(stages), seconds=None)

    def _check_shares(self, shares: Sequence[float], zeros: bool = False) -> None:
        """Raises ValueError unless each stage has a positive one; or some of them have, and 0."""
        of_each = len(shares) == len(self.stages) and any(shares)
        fit = all(is_number(share) and (share > 0 or (zeros and share == 0)) for share in shares)
        if not (of_each and fit):
            raise ValueError(
                f"Schedule: shares={tuple(shares)} for {len(self.stages)} stages; needs one "
                f"positive number each{', or 0 to leave one out' * zeros}."
            )

    def _check_length(self) -> None:
        if self.seconds is not None:
            raise ValueError(
                f"Schedule: how many steps fit into {self.seconds:g} s is known once they have "
                f"been timed; walk it with ScheduledLoader, or use with_steps, with_work or "
                f"with_epochs for a length that is known."
            )

    def __repr__(self) -> str:
        time = "" if self.seconds is None else f"as they fit into {self.seconds:g} s, now "
        kind = f"{self.form} form"
        if self.patches:
            kind = "patches" if self.patches == 1 else f"{100 * self.patches:.0f} % patches"
        lines = [
            f"Schedule: {time}{self.steps:,} steps, {_number(self.work_units)} work units, {kind}",
            f"{'stage':>5}{'steps':>9}{'levels':>11}{'batch sizes':>22}{'per step':>10}"
            f"{'work units':>12}",
        ]
        for number, stage in enumerate(self.stages):
            one_level = stage.coarsest == stage.finest
            levels = f"{stage.finest}" if one_level else f"{stage.coarsest}..{stage.finest}"
            if stage.shape is not None:
                levels = sized(stage.shape)
            if stage.heat is not None:
                levels = f"heat {levels}"
            if stage.rate != 1:
                levels += f" ×{stage.rate:g}"
            cost = self.step_cost(stage)
            lines.append(
                f"{number:>5}{stage.steps:>9,}{levels:>11}"
                f"{('|' if stage.random_level else '/').join(map(str, stage.batch_sizes)):>22}"
                f" {cost:>9.6g}"
                f"{_number(stage.steps * cost):>12}"
            )
        return "\n".join(lines)


@lru_cache(maxsize=256)  # every step asks
def _stage_grids(grids: GridHierarchy, stage: Stage) -> GridHierarchy:
    levels = grids.between(stage.coarsest, stage.finest)
    if stage.shape is None:
        return levels
    part = math.prod(stage.shape) / math.prod(levels.finest)
    width = levels.finest_width * levels.finest[-1] / stage.shape[-1]
    cost = part * levels.finest_cost
    return replace(levels, finest=stage.shape, finest_cost=cost, measured=None, finest_width=width)


@lru_cache(maxsize=256)
def _step_cost(grids: GridHierarchy, stage: Stage, form: Form) -> float:
    if stage.random_level:
        levels = range(stage.coarsest, stage.finest + 1)
        return sum(_step_cost(grids, stage.on_level(k), form) for k in levels) / len(levels)
    return work_units(stage.batch_sizes, form, costs=_stage_grids(grids, stage).costs)


def _number(x: float) -> str:
    """Thousands separated, and one decimal only where there is something behind the point."""
    return f"{x:,.0f}" if round(x, 1) == round(x) else f"{x:,.1f}"


def _lengths(budget: float, shares: Sequence[float], costs: Sequence[float]) -> list[int]:
    """Steps of each stage, one or more, for its share of the budget at so much a step."""
    part = budget / sum(shares)
    return [max(1, round(part * share / cost)) for share, cost in zip(shares, costs, strict=True)]
