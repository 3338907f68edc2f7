"""A strategy answers all that is asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from telegrad.mge import GridHierarchy
from telegrad.schedules import (
    Auto,
    Cascadic,
    FullMultiscale,
    GrowingPatches,
    Multiscale,
    Problem,
    ProgressivePatches,
    ProgressiveResizing,
    Race,
    RandomPatches,
    Schedule,
    Single,
    Stage,
    Strategy,
    auto,
)

PROBLEM = Problem(size=128)
ALL = [
    *(Single, Multiscale, FullMultiscale, Cascadic, Auto),
    *(ProgressiveResizing, ProgressivePatches, GrowingPatches, RandomPatches, Race),
]


@pytest.mark.parametrize("levels", range(1, 7))
def test_on_each_coarser_level_auto_has_twice_the_work_and_twice_the_samples(levels):
    schedule = auto(GridHierarchy((128, 128), levels), budget=1000 * (2**levels - 1))
    spent = [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]
    assert spent == [1000 * 2**halvings for halvings in reversed(range(levels))]
    assert [stage.finest for stage in schedule.stages] == list(range(levels))
    sizes = [stage.batch_sizes for stage in schedule.stages]
    assert sizes == [(2**halvings,) for halvings in reversed(range(levels))]


@pytest.mark.parametrize("kind", ALL)
def test_every_strategy_fills_its_budget(kind):
    strategy = kind(work_units=20_000.0)
    schedule = strategy.schedule(PROBLEM)
    rounding = sum(schedule.step_cost(stage) for stage in schedule.stages)
    assert schedule.work_units == pytest.approx(20_000, abs=rounding)
    assert strategy.work_limit == 20_000
    assert kind(budget="2e4wu").schedule(PROBLEM) == schedule


@pytest.mark.parametrize("kind", [k for k in ALL if k is not Auto])
def test_every_strategy_makes_as_many_steps_as_are_asked_for(kind):
    assert kind(steps=400).schedule(PROBLEM).steps == 400


def test_the_paper_s_defaults():
    independent = Multiscale(form="independent").schedule(PROBLEM)
    assert independent.work_units == 74_000
    assert FullMultiscale(form="independent").schedule(PROBLEM).work_units == 28_750
    assert Single(batch_size=240).schedule(PROBLEM).work_units == 480_000
    assert Multiscale(batch_sizes=[16] * 4).schedule(PROBLEM).stages[0].batch_sizes == (16,) * 4


def test_what_is_said_takes_the_place_of_a_default():
    schedule = Cascadic(levels=3, batch_size=4, ratio=3).schedule(PROBLEM)
    assert [stage.batch_sizes for stage in schedule.stages] == [(36,), (12,), (4,)]
    assert Cascadic(batch_sizes=[5, 3]).schedule(PROBLEM).grids.levels == 2
    assert len(Cascadic(work_units=4000, shares=[1, 0, 3, 2]).schedule(PROBLEM).stages) == 3


def test_levels_suit_size_and_divisor():
    assert Cascadic().grids(PROBLEM).levels == 4
    assert Cascadic().grids(replace(PROBLEM, divisor=32)).levels == 3
    assert Cascadic().grids(replace(PROBLEM, smallest=64)).levels == 2
    assert Auto(budget="1h").grids(PROBLEM).shape(0) == (8, 8)
    assert Auto(budget="1h").grids(replace(PROBLEM, smallest_useful=15)).shape(0) == (16, 16)
    assert Auto(budget="1h").grids(Problem(size=16, smallest_useful=15)).shape(0) == (8, 8)
    with pytest.raises(ValueError, match="63×63 leaves no coarser level for blurring with Net"):
        Cascadic().schedule(Problem(size=63, name="blurring with Net"))
    assert Single().schedule(Problem(size=63)).grids.levels == 1


@pytest.mark.parametrize(
    ("strategy", "pixelwise", "share"),
    [
        (Auto(budget="1h"), True, 0.5),
        (Auto(budget="1h"), False, 0.0),
        (Auto(budget="1h", patches=0.5), False, 0.5),
        (Auto(budget="1h", patches=0.0), True, 0.0),
        (Auto(budget="1h", adapt=0.1), True, 0.0),
        (Cascadic(patches=0.25), False, 0.25),
        (Cascadic(), True, 0.0),
        (GrowingPatches(), False, 1.0),
        (RandomPatches(), False, 1.0),
    ],
)
def test_which_images_are_patches(strategy, pixelwise, share):
    problem = replace(PROBLEM, pixelwise=pixelwise)
    assert strategy.patch_share(problem) == share
    if strategy.time_limit is None:
        assert strategy.schedule(problem).patches == share


def test_only_auto_ends_stages_early_and_has_its_own_rate():
    assert [k.__name__ for k in ALL if k(work_units=1e4).early_stop() is not None] == ["Auto"]
    rate = Auto(budget="1h").learning_rate(None)
    assert (rate.highest, rate.decay) == (1e-3, 0.3)
    assert Single().learning_rate(None).highest == 5e-4
    assert Single(decay=0.5).learning_rate(2e-3).decay == 0.5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Auto(), "auto needs a budget"),
        (lambda: Single(steps=4, budget="4s"), "got both steps and budget"),
        (lambda: Cascadic(batch_size=4, batch_sizes=[4, 2]), "got both batch_size and batch_sizes"),
        (lambda: Cascadic(shares=[1, 2]), "shares need something to be shared"),
        (lambda: Cascadic(patches=1.5), "patches=1.5: needs a number"),
        (lambda: Cascadic(patches=0.5, adapt=0.1), "patches have none"),
        (lambda: Multiscale(form="both"), "one of nested, independent"),
        (lambda: Single(steps=0), "steps=0: needs"),
        (lambda: Single(work_units=float("nan")), "work_units=nan: needs"),
        (lambda: Cascadic(batch_sizes=[4, 0]), "batch_sizes"),
        (lambda: Single(budget="5 days"), "a unit, wu, s, min or h"),
        (lambda: Cascadic(decay=0.0), "decay=0.0: needs a number above 0"),
        (lambda: Cascadic(batch_size=10**6).schedule(PROBLEM), "needs at most 1,000,000"),
    ],
)
def test_impossible_strategies_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@dataclass(frozen=True, kw_only=True)
class CoarseThenFine(Strategy):
    """A strategy of somebody's own."""

    name = "coarse_then_fine"

    def stages(self, grids: GridHierarchy, batch_sizes: Sequence[int]) -> Schedule:
        finest = grids.levels - 1
        return Schedule(
            grids, (Stage(3, 0, (batch_sizes[0],)), Stage(1, finest, (batch_sizes[-1],)))
        )


def test_a_strategy_of_one_s_own_is_its_stages():
    schedule = CoarseThenFine(work_units=500.0, batch_size=2).schedule(PROBLEM)
    assert [stage.finest for stage in schedule.stages] == [0, 3]
    assert schedule.work_units == pytest.approx(500, abs=3)


def test_auto_takes_batch_sizes_of_any_sequence_and_refuses_no_levels():
    grids = GridHierarchy((32, 32), 3)
    plain = auto(grids, 70, batch_sizes=(4, 2, 1))
    assert auto(grids, 70, batch_sizes=np.array([4, 2, 1])) == plain
    with pytest.raises(ValueError, match="levels=0, needs a whole number from 1"):
        auto(size=(64, 64), levels=0)
