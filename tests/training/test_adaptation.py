"""Levels, batch sizes and α that follow the training: what is chosen, when, and at what cost."""

import csv
import json
import signal
from dataclasses import replace

import pytest
import torch
from describe import changed
from kills import difference, recipe, rows

from telegrad.diagnostics.measure import level_statistics
from telegrad.mge.grids import GridHierarchy
from telegrad.records import Records
from telegrad.runs.build import build_schedule
from telegrad.runs.running import run
from telegrad.schedules import Stage, cascadic, fullmultiscale
from telegrad.schedules.adaptation import Adaptation, best_allocation_of
from telegrad.training import adapt
from telegrad.training.checkpoint import read_checkpoint

GRIDS = GridHierarchy((32, 32), levels=3)
SHARE = 0.3
SCHEDULE = fullmultiscale(GRIDS, steps=(40, 20, 10), batch_sizes=(16, 4, 2))


@pytest.mark.parametrize("done", [0, 1, 39, 40, 45, 60, 69])
@pytest.mark.parametrize("less", [0.0, 3.0])
def test_a_changed_schedule_does_the_same_work_less_what_is_taken_out(done, less):
    changed = SCHEDULE.changed(done, (8,), less=less)
    _, stage = SCHEDULE.at(done)
    number, new = changed.at(done)
    assert sum(changed.lengths[:number]) == done
    assert (new.finest, new.batch_sizes, new.alphas) == (stage.finest, (8,), None)
    made = [stage.batch_sizes for _, _, stage in SCHEDULE.walk()][:done]
    assert [stage.batch_sizes for _, _, stage in changed.walk()][:done] == made
    later = tuple(s for s in SCHEDULE.stages if s.finest > stage.finest)
    assert changed.stages[number + 1 :] == later
    if new.steps > 1:
        step = changed.step_cost(new)
        assert changed.work_units == pytest.approx(SCHEDULE.work_units - less, abs=step / 2)


def statistics(noise, draws=32):
    """Of a mean with one parameter a pixel; with noise the levels know nothing of each other."""
    generator = torch.Generator().manual_seed(0)
    theta = torch.zeros(3, requires_grad=True)

    def losses(x):
        values = x.mean((2, 3)) + noise * torch.randn(len(x), 3, generator=generator)
        return (values * theta).sum(1)

    images = torch.randn(draws, 3, 1, 1, generator=generator).expand(draws, 3, 32, 32)
    return level_statistics(losses, images.clone(), GRIDS, [theta], timing=0)


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_levels_that_agree_are_used_and_levels_that_do_not_are_left_out(form):
    schedule = replace(SCHEDULE, form=form)
    best = best_allocation_of(statistics(noise=0.0), schedule, budget=8)
    assert best.batch_sizes[0] > best.batch_sizes[-1]
    assert best.cost(GRIDS.costs[best.coarsest :]) <= 8
    assert best_allocation_of(statistics(noise=100.0), schedule, budget=8) is None


def test_too_few_draws_choose_one_level():
    assert best_allocation_of(statistics(noise=0.0, draws=4), SCHEDULE, budget=8) is None


def test_when_to_probe():
    adaptation = Adaptation.of(cascadic(GRIDS, (4000, 2000, 1000), (16, 4, 2)), share=0.05)
    schedule = cascadic(GRIDS, (4000, 2000, 1000), (16, 4, 2))
    assert adaptation.budgets == {0: 1.0, 1: 1.0, 2: 2.0}
    cost = 24 * (1 / 16 + 1 / 4)
    assert adaptation.cost(schedule, schedule.stages[1]) == cost
    assert not adaptation.due(schedule, 100, 1e9)  # one level: nothing to choose
    assert not adaptation.due(schedule, 4000, 0.99 * cost / 0.05)
    assert adaptation.due(schedule, 4000, 1.01 * cost / 0.05)
    assert adaptation.due(schedule, 6000 - 30, 1e9)
    assert not adaptation.due(schedule, 6000 - 29, 1e9)  # too late to profit
    adaptation.spent = cost
    assert not adaptation.due(schedule, 4000, 1.99 * cost / 0.05)


@pytest.fixture
def adapted(tmp_path):
    return recipe(
        tmp_path / "whole",
        strategy="fullmultiscale",
        adapt=SHARE,
        network="resnet",
        channels=8,
        size=32,
        levels=3,
        batch_sizes=[8, 4, 2],
        work_units=400.0,
        validations=20,
    )


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_a_run_adapts_within_its_budget_and_says_why(form, adapted):
    adapted = changed(adapted, form=form)
    report = run(adapted)
    state = read_checkpoint(report.files.last)
    probes, work = state["probes"], report.progress.work_units
    assert 0 < probes <= SHARE * work
    figures = json.loads((report.files.path / "report.json").read_text())
    assert figures["probe_work_units"] == probes
    assert work + probes == pytest.approx(400.0, rel=0.05)
    planned = build_schedule(adapted)
    budgets = {stage.finest: planned.step_cost(stage) for stage in planned.stages}
    stages = [Stage(**stage) for stage in state["stages"]]
    assert len(stages) > len(planned.stages)
    for stage in stages:
        assert planned.step_cost(stage) <= budgets[stage.finest]
    assert sum(stage.steps for stage in stages) == report.progress.iteration

    events = (report.files.path / "events.log").read_text().splitlines()
    assert all("batches " in event and " on levels " in event for event in events)
    assert any("predicted " in event and ", α " in event for event in events)
    with (report.files.path / "levels.csv").open() as file:
        levels = list(csv.DictReader(file))
    iterations = [int(row["iteration"]) for row in rows(adapted, "progress")]
    assert {int(row["iteration"]) for row in levels} <= set(iterations)
    assert len({row["iteration"] for row in levels}) == len(events)


def test_a_probe_that_is_not_finite_changes_nothing_and_the_run_goes_on(adapted, monkeypatch):
    def not_finite(*_, **__):
        raise FloatingPointError("the gradient of draw 3 on level 0 is not finite")

    monkeypatch.setattr(adapt, "level_statistics", not_finite)
    report = run(adapted)
    state = read_checkpoint(report.files.last)
    assert [Stage(**stage) for stage in state["stages"]] == list(build_schedule(adapted).stages)
    assert 0 < state["probes"] <= SHARE * report.progress.work_units
    events = (report.files.path / "events.log").read_text()
    assert "batches stay as they are: the gradient of draw 3 on level 0 is not finite" in events


def test_resumed_around_a_probe_it_is_the_same_run(adapted, tmp_path, monkeypatch):
    report = run(adapted)
    first = read_checkpoint(report.files.last)["stages"]
    boundaries = [sum(stage["steps"] for stage in first[:k]) for k in range(1, len(first))]
    stopped = changed(adapted, out=str(tmp_path / "stopped"))
    trained, stops = Records.trained, [boundaries[1], boundaries[1] + 1, boundaries[-1] - 1]

    def interrupted(self, iteration, *row):
        trained(self, iteration, *row)
        if stops and iteration == stops[0]:
            stops.pop(0)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Records, "trained", interrupted)
    while stops:
        with pytest.raises(KeyboardInterrupt):
            run(stopped, resume=bool(len(stops) < 3))
    run(stopped, resume=True)
    assert difference(adapted, stopped) == (0.0, 0)
    run(stopped, resume=True)  # a finished run has nothing more to do
    assert difference(adapted, stopped) == (0.0, 0)


def test_more_work_lengthens_an_adapted_run(adapted):
    before = run(adapted).progress
    after = run(changed(adapted, work_units=500.0), resume=True).progress
    assert after.work_units - before.work_units == pytest.approx(100, abs=60)
    assert after.iteration > before.iteration
