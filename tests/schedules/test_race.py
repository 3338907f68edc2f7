"""Heats: which is gone on from, and what the later stages become."""

import math
from dataclasses import replace

import pytest
import torch

from telegrad import ScheduledLoader
from telegrad.mge import GridHierarchy
from telegrad.schedules import Heats, Problem, Race, Schedule, Single, Stage, race

PROBLEM = Problem(size=128)


def a_race(**options):
    strategy = Race(**options)
    schedule = strategy.schedule(PROBLEM)
    return schedule, strategy.heats(schedule)


def crops_of_a_step(fixed, each, budget):
    """Of each kind, where a step of n crops takes so long."""
    strategy = Race(budget=budget)
    schedule = strategy.suited(
        strategy.schedule(PROBLEM),
        lambda stages: [fixed + each * stage.batch_sizes[0] for stage in stages],
    )
    kinds = strategy.heats(schedule).kinds
    assert kinds[0] == (0, schedule.stages[0].batch_sizes[0])
    return [n for _, n in kinds]


def run_rounds(schedule, heats, loss_of):
    """The stages that a run goes through, by what the loss of each heat would be."""
    done = 0
    while done < schedule.steps:
        done += 1
        number = heats.heat_that_ends(schedule, done)
        if number is not None:
            heats.leads(schedule, number, loss_of(schedule.stages[number]))
            schedule = heats.pruned(schedule, number)
            if heats.ends_round(schedule, number):
                schedule = heats.settled(schedule)
    return schedule


def test_heats_are_of_one_length_and_the_race_fills_its_budget():
    schedule, heats = a_race(work_units=8000.0)
    assert schedule.work_units == pytest.approx(8000, abs=3)
    of_heats = [s.steps * schedule.step_cost(s) for s in schedule.stages if s.heat is not None]
    assert of_heats == pytest.approx([80] * len(of_heats), abs=1)
    assert [len(round_) for round_ in heats.rounds] == [3, 3]
    rounds = [stage.heat for stage in schedule.stages]
    assert rounds == [*[0] * 3, None, *[1] * 3, None]
    assert [stage.rate for stage in schedule.stages[:3]] == [2, 4, 1]
    kinds = [(stage.finest, stage.batch_sizes[0]) for stage in schedule.stages[4:7]]
    assert kinds == heats.kinds == [(0, 8), (1, 4), (2, 1)]
    work = [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]
    assert sum(work[:4]) / 8000 == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(("length", "part"), [(8000, 0.01), (2000, 0.02), (200, 0.03)])
def test_heats_of_short_runs_are_a_larger_part(length, part):
    for options in ({"steps": length, "batch_size": 4}, {"work_units": length / 2}):
        schedule, _ = a_race(**options)
        assert schedule.stages[0].steps == pytest.approx(part * length, abs=1)
    seconds = 40.0 * length / 640
    strategy = Race(budget=f"{seconds}s")
    schedule = strategy.schedule(PROBLEM)
    taken = [1e-3 * (1 + stage.finest) for stage in schedule.stages]
    in_time = schedule.with_seconds(seconds, taken, strategy.shares_of(schedule))
    for stage, of_step in zip(in_time.stages, taken, strict=True):
        if stage.heat is not None:  # equal seconds, whatever a step takes
            assert stage.steps * of_step == pytest.approx(seconds * part, rel=0.05)


@pytest.mark.parametrize(
    ("losses", "ran"),
    [  # by kind and rate; a heat that is not there must not be run
        (
            {(0, 2.0): 2, (0, 4.0): 4, (0, 1.0): 3, (1, 2.0): 1, (2, 2.0): 5},
            [(0, 2.0), (0, 4.0), (0, 1.0), (0, 2.0), (0, 2.0), (1, 2.0), (2, 2.0), (1, 2.0)],
        ),
        (
            {(0, 2.0): 2, (0, 4.0): 1, (1, 4.0): 0.98},
            [(0, 2.0), (0, 4.0), (0, 4.0), (0, 4.0), (1, 4.0), (0, 4.0)],
        ),
        (
            {(0, 2.0): 4, (0, 4.0): 4, (0, 1.0): 2, (1, 1.0): 1, (2, 1.0): 0},
            [(0, 2.0), (0, 4.0), (0, 1.0), (0, 1.0), (0, 1.0), (1, 1.0), (2, 1.0), (2, 1.0)],
        ),
    ],
)
def test_stages_take_kind_and_rate_of_the_best_heats_and_none_is_run_that_can_t_win(losses, ran):
    schedule, heats = a_race(work_units=8000.0)
    stages = run_rounds(schedule, heats, lambda stage: losses[stage.finest, stage.rate]).stages
    assert [(s.finest, s.rate) for s in stages] == ran
    assert all(stage.batch_sizes == (heats.kinds[stage.finest][1],) for stage in stages)
    assert sum(s.steps * schedule.step_cost(s) for s in stages) == pytest.approx(8000, abs=8)


def test_as_long_as_all_heats_diverged_none_is_left_out():
    schedule, heats = a_race(work_units=8000.0, rates=[4.0, 2.0, 1.0])
    losses = {4.0: math.inf, 2.0: math.inf, 1.0: 1.0}
    ran = run_rounds(schedule, heats, lambda stage: losses[stage.rate] + stage.finest)
    assert [stage.rate for stage in ran.stages] == [4, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("fixed", "each", "budget", "crops"),
    [
        (0.0, 1e-3, "1h", [8, 4, 1]),
        (7e-3, 1e-3, "30s", [8, 4, 1]),  # 2,000 steps: √(√2000 / 3 · 7) = 10
        (7e-3, 1e-3, "120s", [16, 4, 1]),
        (7e-3, 1e-3, "2h", [32, 8, 2]),
        (7e-3, 1e-4, "120s", [64, 16, 4]),
        (7e-3, 0.0, "120s", [128, 32, 8]),
    ],
)
def test_steps_have_more_crops_where_few_take_hardly_less_time(fixed, each, budget, crops):
    assert crops_of_a_step(fixed, each, budget) == crops


@pytest.mark.parametrize(("of_step", "heats"), [(0.028, True), (0.03, False), (20.0, False)])
def test_a_run_whose_steps_take_too_long_for_heats_has_none(of_step, heats):
    strategy = Race(budget="30s")  # heats of 0.9 s
    schedule = strategy.suited(
        strategy.schedule(PROBLEM), lambda stages: [of_step, 4 * of_step][: len(stages)]
    )
    assert (strategy.heats(schedule) is not None) == heats
    assert {stage.rate for stage in schedule.stages} >= {2.0 if heats else 3.0}
    assert schedule.with_seconds(30, [of_step] * len(schedule.stages)).steps >= 1


@pytest.mark.parametrize(("seconds", "heats"), [(30, True), (20, False)])
def test_a_run_whose_longest_heats_have_few_steps_has_none(seconds, heats):
    strategy = Race(budget="30s")  # what it validates may leave 20 s
    schedule = strategy.schedule(PROBLEM)
    of_steps = [0.027] * len(schedule.stages)  # heats of 33 steps in 30 s
    fitted = strategy.fitted(schedule.with_seconds(seconds, of_steps, strategy.shares_of(schedule)))
    assert (strategy.heats(fitted) is not None) == heats
    assert {stage.rate for stage in fitted.stages} >= {2.0 if heats else 3.0}
    asked_for = Race(budget="30s", heat=0.01).schedule(PROBLEM)
    assert Race(budget="30s", heat=0.01).fitted(asked_for) == asked_for


def crops_where(memory, size=128, smallest=1):
    """Of the first kind, on a machine of so many pixels whose steps all take as long."""
    strategy = Race(budget="2h")
    schedule = strategy.schedule(Problem(size=size, smallest=smallest))

    def seconds_of(stages):
        for stage in stages:
            if stage.batch_sizes[0] * schedule.grids.shape(stage.finest)[0] ** 2 > memory:
                raise MemoryError
        return [0.01] * len(stages)

    return strategy.suited(schedule, seconds_of).stages[0].batch_sizes[0]


@pytest.mark.parametrize(
    ("memory", "crops"), [(30, 8), (32, 32), (63, 32), (64, 64), (127, 64), (128, 128), (1e9, 128)]
)
def test_there_are_as_many_crops_as_memory_holds(memory, crops):
    assert crops_where(memory * 32**2) == crops


@pytest.mark.parametrize(("size", "smallest"), [(48, 1), (128, 50), (128, 128), (96, 1)])
def test_more_crops_are_a_multiple_so_that_as_many_processes_share_them(size, smallest):
    usual = Race(budget="2h").schedule(Problem(size=size, smallest=smallest)).stages[0]
    assert crops_where(1e9, size, smallest) == 16 * usual.batch_sizes[0]


def test_crops_that_were_asked_for_stay_whatever_steps_take():
    for options in ({"batch_size": 2}, {"ratio": 1}, {"batch_sizes": [3, 2, 1]}):
        strategy = Race(budget="60s", **options)
        schedule = strategy.schedule(PROBLEM)
        assert strategy.suited(schedule, lambda stages: [1.0] * len(stages)) == schedule


def test_stages_keep_their_part_of_the_budget_where_steps_cost_otherwise():
    schedule, heats = a_race(work_units=8000.0, batch_size=4, ratio=2)
    ran = run_rounds(schedule, heats, lambda stage: -stage.finest)  # the largest crops always win
    assert ran.work_units == pytest.approx(schedule.work_units, rel=0.01)
    assert ran.steps < schedule.steps
    heats.take_costs(schedule, [2.0 - stage.finest / 2 for stage in schedule.stages])
    assert heats.costs == [2.0, 1.5, 1.0]


def test_a_number_of_steps_is_kept_whatever_wins():
    schedule, heats = a_race(steps=500, ratio=2, batch_size=2)
    assert run_rounds(schedule, heats, lambda stage: -stage.finest).steps == 500


def test_a_heat_that_diverged_does_not_win_and_of_near_equals_the_first_does():
    grids = GridHierarchy((8, 8), levels=1)
    stages = tuple(Stage(2, 0, (1,), rate=rate, heat=0) for rate in (1.0, 2.0, 4.0))
    schedule = Schedule(grids, (*stages, Stage(10, 0, (1,))), patches=1.0)
    heats = Heats([[(0, 1.0), (0, 2.0), (0, 4.0)]], [(0, 1)], [1.0])
    for number, loss in enumerate((0.5, math.nan, 0.496)):
        heats.leads(schedule, number, loss)
    assert heats.winner(schedule) == 0
    words = heats.reason(schedule)
    assert words == (
        "loss after heats: learning rate ×1 0.5 (best); learning rate ×2 inf; learning rate ×4 0.496"
    )


@pytest.mark.parametrize(
    ("losses", "winner"),
    [
        ({2.0: 0.5, 4.0: 0.504, 1.0: 0.503}, 1.0),  # the best rate lies between 1 and 2
        ({2.0: 0.5, 4.0: 0.502, 1.0: 0.503}, 2.0),  # between 2 and 4
        ({2.0: 0.5, 4.0: 0.52, 1.0: 0.51}, 2.0),  # 1 is worse
        ({2.0: 0.5, 4.0: 0.52, 1.0: 0.49}, 1.0),
        ({2.0: 0.5, 4.0: 0.49}, 4.0),
        ({2.0: 0.5, 1.0: 0.503}, 2.0),  # nothing is known of higher ones
        ({1.0: 0.5, 2.0: 0.496, 4.0: 0.497}, 1.0),
        ({2.0: 0.5, 4.0: math.nan, 1.0: 0.503}, 1.0),
        ({2.0: math.nan, 4.0: math.nan, 1.0: 0.503}, 1.0),
    ],
)
def test_of_rates_that_can_t_be_told_apart_the_lower_wins_if_the_best_lies_below(losses, winner):
    stages = tuple(Stage(2, 0, (1,), rate=rate, heat=0) for rate in losses)
    grids = GridHierarchy((8, 8), levels=1)
    schedule = Schedule(grids, (*stages, Stage(10, 0, (1,))), patches=1.0)
    heats, led = Heats([[(0, rate) for rate in losses]], [(0, 1)], [1.0]), None
    for number, loss in enumerate(losses.values()):
        if heats.leads(schedule, number, loss):
            led = number  # whose weights are kept
    assert list(losses)[led] == winner
    assert heats.winner(schedule) == led


@pytest.mark.parametrize(("losses", "winner"), [((-20.0, -19.9), 0), ((-20.0, -20.3), 1)])
def test_of_negative_losses_such_as_psnr_s_the_lower_wins_as_well(losses, winner):
    schedule, heats = a_race(steps=5000)
    for number, loss in enumerate(losses):
        heats.leads(schedule, number, loss)
    assert heats.winner(schedule) == winner


def test_larger_crops_must_be_three_percent_better():
    for loss, wins in ((0.972, 0), (0.968, 1)):
        schedule, heats = a_race(work_units=8000.0, rates=[1.0], levels=2)
        for number, of_heat in enumerate((1.0, loss), start=1):
            heats.leads(schedule, number, of_heat)
        assert heats.settled(schedule).stages[-1].finest == wins


def test_what_is_not_asked_about_has_no_heats():
    schedule, heats = a_race(steps=100, rates=[1.0], levels=1, batch_size=2)
    assert heats is None
    assert schedule.lengths == (100,)
    schedule, heats = a_race(steps=1000, rates=[1.0])
    assert {stage.rate for stage in schedule.stages} == {1.0}
    assert heats.rounds == [[(0, 1.0), (1, 1.0), (2, 1.0)]]
    schedule, heats = a_race(steps=1000, levels=1, batch_size=2)
    assert {stage.finest for stage in schedule.stages} == {0}
    assert [len(round_) for round_ in heats.rounds] == [3]


@pytest.mark.parametrize(
    "length", [{"work_units": 8.0}, {"steps": 12}, {"budget": "5s"}, {"budget": "3wu"}]
)
def test_a_run_that_is_too_short_for_heats_has_none(length):
    schedule, heats = a_race(**length)
    assert heats is None
    assert [(stage.batch_sizes, stage.rate) for stage in schedule.stages] == [((8,), 3.0)]
    schedule, _ = a_race(**length, rates=[1.0, 4.0])
    assert [stage.rate for stage in schedule.stages] == [1.0]


def test_the_smallest_crops_are_of_32_pixels_or_what_the_task_needs():
    assert Race().grids(PROBLEM).shape(0) == (32, 32)
    assert Race().grids(replace(PROBLEM, smallest=50)).shape(0) == (64, 64)
    assert Race().grids(replace(PROBLEM, enlarges=2)).shape(0) == (32, 32)
    assert Race().grids(replace(PROBLEM, enlarges=4)).shape(0) == (64, 64)
    assert Race().grids(Problem(size=48)).levels == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": [3.0]}, "several positive numbers, or 1 alone"),
        ({"rates": [3.0], "steps": 60}, "several positive numbers, or 1 alone"),  # without heats
        ({"rates": []}, "several positive numbers, or 1 alone"),
        ({"rates": [1.0, -1.0]}, "rates"),
        ({"heat": 0.05, "rates": [1.0] * 30}, "heats of 0.05 of the work leave nothing"),
        ({"shares": [1.0, 2.0], "work_units": 100.0}, "heats have their own shares"),
    ],
)
def test_what_can_t_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Race(**options).schedule(PROBLEM)


@pytest.mark.parametrize(
    "schedule",
    [
        race(GridHierarchy((64, 64), levels=2), 200),
        Schedule(GridHierarchy((64, 64), levels=1), (Stage(2, 0, (1,), rate=2.0),)),
    ],
)
def test_a_loader_refuses_what_batches_alone_can_t_bring(schedule):
    assert schedule.needs_a_run and not schedule.of_batches().needs_a_run
    with pytest.raises(ValueError, match=r"heats or stages with a learning rate .* Race"):
        ScheduledLoader(torch.zeros(4, 3, 64, 64), schedule)


def test_a_strategy_that_says_nothing_of_its_heats_is_refused():
    with pytest.raises(ValueError, match="single: its schedule has heats; needs the method heats"):
        Single().heats(race(GridHierarchy((64, 64), levels=2), 200))
