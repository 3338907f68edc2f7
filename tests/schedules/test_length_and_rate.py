"""Budgets in units, and the learning rate over a run."""

import math

import pytest

from telegrad.mge import GridHierarchy
from telegrad.schedules import LearningRate, cascadic
from telegrad.schedules.length import in_units

GRIDS = GridHierarchy((64, 64), levels=3)
SCHEDULE = cascadic(GRIDS, steps=(600, 60, 30), batch_sizes=(16, 4, 1))  # 600, 60 and 30 WU


@pytest.mark.parametrize(
    ("budget", "means"),
    [("5000wu", (5000, "wu")), (" 1e4 wu ", (1e4, "wu")), ("90s", (90, "s")), ("2h", (7200, "s"))],
)
def test_a_budget_has_a_unit(budget, means):
    assert in_units(budget) == means


def test_a_budget_of_seconds_keeps_the_proportions_of_steps():
    schedule = SCHEDULE.with_seconds(2 * 1275, step_seconds=(2.0, 1.0, 0.5))
    assert schedule.lengths == tuple(2 * n for n in SCHEDULE.lengths)
    assert SCHEDULE.with_seconds(60, (1, 1, 1), shares=(1, 2, 3)).lengths == (10, 20, 30)
    assert SCHEDULE.with_seconds(6, (0.1, 0.1, 5.0)).lengths[-1] == 1
    with pytest.raises(ValueError, match="2 seconds of training are too few for one step of each"):
        SCHEDULE.with_seconds(2, (0.1, 0.1, 5.0))


def test_the_learning_rate_is_constant_and_then_falls_linearly_with_the_work():
    rate = LearningRate(3e-3, lowest=0.0, decay=0.3)
    done = {0: 1, 0.5: 1, 0.7: 1, 0.85: 0.5, 1: 0, 1.1: 0}  # part of the work: of the rate
    for part, height in done.items():
        work_units = part * SCHEDULE.work_units
        assert rate.at(SCHEDULE, 0, work_units) == pytest.approx(3e-3 * height, abs=1e-12)


def test_without_a_decay_the_learning_rate_is_a_cosine_of_the_steps():
    rate = LearningRate(1e-3, lowest=1e-6)
    for iteration in (0, 100, 345, 690, 700):
        expected = 1e-6 + (1e-3 - 1e-6) * (1 + math.cos(math.pi * min(iteration / 690, 1))) / 2
        assert rate.at(SCHEDULE, iteration, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize("decay", [None, 0.3, 0.0])
def test_it_first_rises_linearly_with_the_work(decay):
    plain, warmed = LearningRate(3e-3, decay=decay), LearningRate(3e-3, decay=decay, warmup=0.2)
    for part in (0, 0.05, 0.1, 0.2, 0.5, 1):
        at = (SCHEDULE, round(part * SCHEDULE.steps), part * SCHEDULE.work_units)
        risen = min(part / 0.2, 1)
        expected = plain.lowest + risen * (plain.at(*at) - plain.lowest)
        assert warmed.at(*at) == pytest.approx(expected)


def test_a_decay_of_nothing_is_a_constant():
    rate = LearningRate(3e-3, decay=0.0)
    assert {rate.at(SCHEDULE, n, float(n)) for n in (0, 345, 690)} == {3e-3}


@pytest.mark.parametrize("budget", ["5000", "5 days", "-3s", "0wu", "1e400wu", "infs", "", "wu"])
def test_a_budget_of_something_else_is_refused(budget):
    with pytest.raises(ValueError, match="needs a number above 0"):
        in_units(budget)


@pytest.mark.parametrize("decay", [None, 0.3])
def test_the_learning_rate_never_rises_however_low_it_is(decay):
    rate, work = LearningRate(1e-8, decay=decay), SCHEDULE.work_units
    course = [rate.at(SCHEDULE, k, work * k / SCHEDULE.steps) for k in range(SCHEDULE.steps + 1)]
    assert course == sorted(course, reverse=True)
