"""Configurations at equal cost: how good each is, and what each needs to be as good as another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telegrad.experiments.course import Cost, Course
from telegrad.experiments.significance import Mean
from telegrad.experiments.summary import Configuration

COSTS: tuple[Cost, Cost] = ("work_units", "seconds")


@dataclass(frozen=True)
class Saving:
    """How many times less one configuration spends than another, for the other's quality.

    Attributes:
        times: geometric mean over seeds; None unless every seed reached that quality.
        low, high: ends of the 95 % confidence interval (Student's t of the logarithms); None below
            three seeds.
        reached: seeds that reached the other's quality of the same seed.
        seeds: that both have.
    """

    times: float | None
    low: float | None
    high: float | None
    reached: int
    seeds: int


@dataclass(frozen=True)
class EqualCost:
    """The configurations of one setting at the cost that all of them have spent.

    Attributes:
        limits: the cost; what the run that spent least has spent in all. None if that is unknown.
        psnr: dB of the best model until then, over seeds, by strategy.
    """

    limits: dict[Cost, float | None]
    psnr: dict[Cost, dict[str, Mean | None]]
    _courses: dict[str, dict[int, Course]] = field(repr=False)

    @classmethod
    def of(cls, root: Path, configurations: Sequence[Configuration]) -> EqualCost:
        """Of finished runs below a directory; what can't be read has no place in it."""
        courses = {
            c.strategy: {
                seed: course
                for seed, path in zip(c.seeds, c.runs, strict=True)
                if _is_sound(course := Course.read(root / path))
            }
            for c in configurations
        }
        every = [course for of in courses.values() for course in of.values()]
        whole = every and len(every) == sum(len(c.runs) for c in configurations)
        limits: dict[Cost, float | None] = dict.fromkeys(COSTS)
        psnr: dict[Cost, dict[str, Mean | None]] = {cost: {} for cost in COSTS}
        for cost in COSTS:
            limit = min(course.column(cost)[-1] for course in every) if whole else None
            limits[cost] = limit
            for name, of in courses.items():
                values = [course.psnr_at(cost, limit) for course in of.values() if limit]
                known = [value for value in values if value is not None]
                psnr[cost][name] = Mean.of(known) if len(known) == len(values) else None
        return cls(limits, psnr, courses)

    def best(self, cost: Cost) -> str | None:
        """The strategy with the highest PSNR there; None if it can't be told."""
        means = {name: mean.mean for name, mean in self.psnr[cost].items() if mean is not None}
        return max(means, key=lambda name: means[name]) if len(means) > 1 else None

    def saving(self, strategy: str, other: str, cost: Cost) -> Saving:
        """How many times less `strategy` spends than `other` until it is as good.

        Both costs are read where a validation first shows the lowest loss of the other's run of
        the same seed, so that a strategy that validates rarely is not flattered.
        """
        ratios, seeds = [], 0
        pair = self._courses.get(strategy, {}), self._courses.get(other, {})
        for seed in pair[0].keys() & pair[1].keys():
            seeds += 1
            target = pair[1][seed].best_loss
            spent = None if target is None else pair[0][seed].reached(target, cost)
            others = None if target is None else pair[1][seed].reached(target, cost)
            if spent and others:
                ratios.append(math.log(others / spent))
        mean = Mean.of(ratios) if ratios and len(ratios) == seeds else None
        if mean is None:
            return Saving(None, None, None, len(ratios), seeds)
        low, high = (None if end is None else math.exp(end) for end in (mean.low, mean.high))
        return Saving(math.exp(mean.mean), low, high, len(ratios), seeds)


def _is_sound(course: Course) -> bool:
    try:
        columns = [course.column(name) for name in (*COSTS, "valid_loss", "valid_psnr")]
    except (KeyError, ValueError, TypeError):
        return False
    return bool(columns[0]) and all(math.isfinite(x) for column in columns for x in column)


def usual_and_best(
    configurations: Sequence[Configuration], modes: Mapping[str, str]
) -> tuple[Configuration, Configuration] | None:
    """The usual way to train, and the best other configuration; None if there are not two.

    The usual way is the best of those that train on full size alone (`single`); where all of them
    do, or none, it is the second best of all.

    Args:
        configurations: best first.
        modes: short name of the strategy's class, by the strategy's name.
    """
    usual = [c for c in configurations if modes.get(c.strategy) == "single"]
    others = [c for c in configurations if modes.get(c.strategy) != "single"]
    if usual and others:
        return usual[0], others[0]
    return (configurations[1], configurations[0]) if len(configurations) > 1 else None
