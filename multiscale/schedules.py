"""Which levels, how many samples on each, for how many steps: a schedule is a list of stages.

The four fixed strategies differ only in their stages; the training loop does not know their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from multiscale.allocation import Form, check_batch_sizes, geometric_batch_sizes, work_units
from multiscale.grids import GridHierarchy

PAPER_STEPS = (2000, 1000, 500, 250)
"""Steps of the paper's full multiscale training on levels 0 … 3."""


@dataclass(frozen=True)
class Stage:
    """`steps` steps with the finest level `finest`; `batch_sizes` end there, coarsest first.

    One batch size is ordinary training on level `finest`; more are the multiscale gradient.
    """

    steps: int
    finest: int
    batch_sizes: tuple[int, ...]

    @property
    def coarsest(self) -> int:
        return self.finest - len(self.batch_sizes) + 1


@dataclass(frozen=True, repr=False)
class Schedule:
    """Stages on one hierarchy of grids, one after the other.

    >>> fullmultiscale(GridHierarchy(finest=(64, 64), levels=4), form="independent")
    Schedule: 3,750 steps, 28,750 work units, independent form
    stage    steps     levels           batch sizes  per step  work units
        0    2,000          0                   128         2       4,000
        1    1,000       0..1                128/64         7       7,000
        2      500       0..2             128/64/32        17       8,500
        3      250       0..3          128/64/32/16        37       9,250

    Raises:
        ValueError: if a stage leaves the hierarchy, has no steps, or its batch sizes don't suit
            the form.
    """

    grids: GridHierarchy
    stages: tuple[Stage, ...]
    form: Form = "nested"

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("Schedule: no stages; needs one or more.")
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
            check_batch_sizes(stage.batch_sizes, len(stage.batch_sizes), self.form)

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    @property
    def work_units(self) -> float:
        """Work units of all steps together."""
        return sum(stage.steps * self.step_cost(stage) for stage in self.stages)

    def step_cost(self, stage: Stage) -> float:
        """Work units of one step of `stage`."""
        return work_units(stage.batch_sizes, self.form, self.grids.cost(stage.finest))

    def stage_grids(self, stage: Stage) -> GridHierarchy:
        """The levels that `stage` uses."""
        return self.grids.between(stage.coarsest, stage.finest)

    def walk(self, start: int = 0) -> Iterator[tuple[int, int, Stage]]:
        """(step, number of the stage, stage) for every step from `start` on; steps count from 0."""
        first = 0
        for number, stage in enumerate(self.stages):
            for step in range(max(first, start), first + stage.steps):
                yield step, number, stage
            first += stage.steps

    def with_steps(self, steps: int) -> Schedule:
        """The same stages with `steps` steps in all, spread in the same proportions."""
        if steps < len(self.stages):
            raise ValueError(
                f"Schedule: {steps} steps for {len(self.stages)} stages; needs one each or more."
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
        return self._of_lengths([b - a for a, b in zip(boundaries, boundaries[1:], strict=False)])

    def with_work(self, budget: float, shares: Sequence[float] | None = None) -> Schedule:
        """The same stages with `budget` work units in all.

        Args:
            budget: in work units; met to within half a step of each stage.
            shares: of the budget for each stage; by default as they are shared now.
        """
        if shares is None:
            shares = [stage.steps * self.step_cost(stage) for stage in self.stages]
        if len(shares) != len(self.stages) or min(shares) <= 0:
            raise ValueError(
                f"Schedule: shares={tuple(shares)} for {len(self.stages)} stages; needs one "
                f"positive number each."
            )
        lengths = [
            round(budget * share / sum(shares) / self.step_cost(stage))
            for stage, share in zip(self.stages, shares, strict=True)
        ]
        if min(lengths) < 1:
            raise ValueError(
                f"Schedule: {budget:g} work units leave stage {lengths.index(min(lengths))} without"
                f" a step; needs a larger budget, smaller batches or fewer stages."
            )
        return self._of_lengths(lengths)

    def _of_lengths(self, lengths: Sequence[int]) -> Schedule:
        stages = (replace(s, steps=n) for s, n in zip(self.stages, lengths, strict=True))
        return replace(self, stages=tuple(stages))

    def __repr__(self) -> str:
        lines = [
            f"Schedule: {self.steps:,} steps, {_number(self.work_units)} work units, "
            f"{self.form} form",
            f"{'stage':>5}{'steps':>9}{'levels':>11}{'batch sizes':>22}{'per step':>10}"
            f"{'work units':>12}",
        ]
        for number, stage in enumerate(self.stages):
            one_level = stage.coarsest == stage.finest
            levels = f"{stage.finest}" if one_level else f"{stage.coarsest}..{stage.finest}"
            cost = self.step_cost(stage)
            lines.append(
                f"{number:>5}{stage.steps:>9,}{levels:>11}"
                f"{'/'.join(map(str, stage.batch_sizes)):>22}{cost:>10g}"
                f"{_number(stage.steps * cost):>12}"
            )
        return "\n".join(lines)


def _number(x: float) -> str:
    """Thousands separated, and one decimal only where there is something behind the point."""
    return f"{x:,.0f}" if round(x, 1) == round(x) else f"{x:,.1f}"


def single(grids: GridHierarchy, steps: int = 2000, batch_size: int = 16) -> Schedule:
    """Ordinary training on the finest level.

    >>> single(GridHierarchy((64, 64), levels=4), steps=2000, batch_size=240).work_units
    480000.0
    """
    return Schedule(grids, (Stage(steps, grids.levels - 1, (batch_size,)),))


def multiscale(
    grids: GridHierarchy,
    steps: int = 2000,
    batch_sizes: Sequence[int] | None = None,
    form: Form = "nested",
) -> Schedule:
    """The multiscale gradient on all levels from the first step on; paper's batches by default.

    >>> multiscale(GridHierarchy((64, 64), levels=4), form="independent").work_units
    74000.0
    """
    sizes = _sizes(grids, batch_sizes)
    return Schedule(grids, (Stage(steps, grids.levels - 1, sizes),), form)


def fullmultiscale(
    grids: GridHierarchy,
    steps: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
    form: Form = "nested",
) -> Schedule:
    """Coarse to fine, stage j with the multiscale gradient on levels 0 … j.

    Args:
        grids: all levels.
        steps: of each stage, coarsest first; the paper's 2000, 1000, 500, 250 (halved at each
            level) by default.
        batch_sizes: on each level, coarsest first, the same in every stage; by default the paper's
            16 on the finest and twice as many on each coarser one.

    >>> fullmultiscale(GridHierarchy((64, 64), levels=4), form="independent").work_units
    28750.0
    """
    sizes = _sizes(grids, batch_sizes)
    lengths = _steps(grids, steps)
    stages = (Stage(n, finest, sizes[: finest + 1]) for finest, n in enumerate(lengths))
    return Schedule(grids, tuple(stages), form)


def cascadic(
    grids: GridHierarchy,
    steps: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
) -> Schedule:
    """Coarse to fine, ordinary training on one level a stage (progressive resizing).

    Arguments as for `fullmultiscale`, whose stages these are, without the coarser levels' samples.

    >>> cascadic(GridHierarchy((64, 64), levels=4)).work_units
    16000.0
    """
    sizes = _sizes(grids, batch_sizes)
    lengths = _steps(grids, steps)
    stages = (Stage(n, finest, (sizes[finest],)) for finest, n in enumerate(lengths))
    return Schedule(grids, tuple(stages))


STRATEGIES: dict[str, Callable[..., Schedule]] = {
    function.__name__: function for function in (single, multiscale, fullmultiscale, cascadic)
}


def _sizes(grids: GridHierarchy, batch_sizes: Sequence[int] | None) -> tuple[int, ...]:
    if batch_sizes is None:
        return geometric_batch_sizes(grids.levels)
    if len(batch_sizes) != grids.levels:
        raise ValueError(
            f"batch_sizes={tuple(batch_sizes)}: got {len(batch_sizes)} for {grids.levels} levels; "
            f"needs one a level, coarsest first."
        )
    return tuple(batch_sizes)


def _steps(grids: GridHierarchy, steps: Sequence[int] | None) -> tuple[int, ...]:
    if steps is None:
        return tuple(max(1, PAPER_STEPS[0] // 2**level) for level in range(grids.levels))
    if len(steps) != grids.levels:
        raise ValueError(
            f"steps={tuple(steps)}: got {len(steps)} for {grids.levels} stages; needs one for each "
            f"level, coarsest first."
        )
    return tuple(steps)
