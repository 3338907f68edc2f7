"""Heats in a run: they begin with the same weights, and the run goes on from the best."""

import copy
import math

import pytest
import torch
from lightning_fabric.plugins import MixedPrecision

from telegrad.mge import GridHierarchy
from telegrad.records import NoRecords
from telegrad.schedules import Heats, Schedule, Stage
from telegrad.tasks import Denoising
from telegrad.training.checkpoint import checksum, read_state
from telegrad.training.heats import put_back, run_heats, weights_of
from telegrad.training.loop import take_step

ROUND = [(0, 1.0), (0, 2.0), (0, 4.0)]


def schedule_of(steps=4):
    heats = tuple(Stage(steps, 0, (2,), rate=rate, heat=0) for _, rate in ROUND)
    return Schedule(GridHierarchy((16, 16), levels=1), (*heats, Stage(8, 0, (2,))), patches=1.0)


def heats_of():
    return Heats([ROUND], [(0, 2)], [2.0])


def same(a, b):
    return checksum(a) == checksum(b)


def test_each_heat_begins_alike_and_the_rest_as_the_best_ended(a_run):
    run = a_run(schedule=schedule_of(), heats=heats_of())
    state, unwritten = run.state, NoRecords(run.files)
    take_step(run.fabric, state, run.objective, unwritten)  # the optimizer has moments by now
    state.progress.iteration = 0
    run_heats(state, unwritten, None)
    first, ends = weights_of(state), []
    for loss in (0.5, 0.3, 0.4):
        assert same(weights_of(state), first)
        for _ in range(4):
            take_step(run.fabric, state, run.objective, unwritten)
        ends.append(weights_of(state))
        changed = run_heats(state, unwritten, loss)
        assert changed == (loss == 0.4)
    assert not same(ends[0], ends[1])
    assert same(weights_of(state), ends[1])
    assert [stage.rate for stage in state.schedule.stages] == [1.0, 2.0, 4.0, 2.0]
    assert state.before_heat is state.leading is None


def test_a_heat_that_can_t_win_any_more_is_not_run(a_run):
    run = a_run(schedule=schedule_of(), heats=heats_of())
    state, unwritten = run.state, NoRecords(run.files)
    run_heats(state, unwritten, None)
    ends = []
    for loss in (0.3, 0.5):
        for _ in range(4):
            take_step(run.fabric, state, run.objective, unwritten)
        ends.append(weights_of(state))
        changed = run_heats(state, unwritten, loss)
        assert changed == (loss == 0.5)
    assert same(weights_of(state), ends[0])
    assert [(stage.rate, stage.steps) for stage in state.schedule.stages] == [
        (1, 4),
        (2, 4),
        (1, 12),
    ]
    assert state.before_heat is state.leading is None


def test_each_heat_begins_with_the_same_scale_of_losses(a_run):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    half = MixedPrecision("16-mixed", "cpu", scaler)
    state = a_run(schedule=schedule_of(), heats=heats_of(), half=half, scaler=scaler).state
    scaler.scale(torch.ones(1))
    before = weights_of(state)
    scaler.update(2.0)
    put_back(state, before)
    assert scaler.get_scale() == 2.0**8


def diverging(monkeypatch, *iterations):
    """Losses that are not finite in these steps, counted from 1; each step has one pass."""
    healthy, calls = Denoising.losses, []

    def losses(self, network, *more):
        calls.extend([1] * network.training)
        values = healthy(self, network, *more)
        return values * math.inf if network.training and len(calls) in iterations else values

    monkeypatch.setattr(Denoising, "losses", losses)


def a_denoising_run(a_run, name="run1", **options):
    task = Denoising(sigma=25)
    return a_run(name, schedule=schedule_of(), heats=heats_of(), task=task, **options)


def test_a_higher_rate_that_diverges_is_noted_and_stops_nothing(a_run, monkeypatch):
    diverging(monkeypatch, 6, 7)
    run = a_denoising_run(a_run).go()
    assert run.state.progress.iteration == run.state.schedule.steps
    assert run.state.progress.skipped == 0
    assert run.files.events.read_text().count("not finite") == 2


@pytest.mark.parametrize("iteration", [2, 13])
def test_at_the_run_s_own_rate_and_after_the_heats_it_stops(iteration, a_run, monkeypatch):
    diverging(monkeypatch, iteration)
    with pytest.raises(FloatingPointError, match=f"not finite at iteration {iteration}"):
        a_denoising_run(a_run).go()


def test_the_last_stage_may_be_a_heat(a_run):
    schedule = Schedule(GridHierarchy((16, 16), levels=1), schedule_of().stages[:-1], patches=1.0)
    run = a_run(schedule=schedule, heats=heats_of(), task=Denoising(sigma=25)).go()
    assert "(best)" in run.files.events.read_text()


def test_a_state_of_a_run_without_heats_is_taken_up_without(a_run):
    short, longer = a_run("short"), a_run("longer", heats=heats_of())
    longer.state.load_state_dict(short.state.state_dict())
    assert longer.state.heats is None


def test_the_rate_of_a_stage_multiplies_the_run_s(a_run):
    run = a_run(schedule=schedule_of(1))
    rates = []
    for _ in range(4):
        take_step(run.fabric, run.state, run.objective, NoRecords(run.files))
        rates.append(run.state.optimizer.param_groups[0]["lr"])
    assert rates[1] / rates[0] == pytest.approx(2, rel=0.1)  # both fall along the cosine
    assert rates[2] / rates[0] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("after", [2, 4, 6, 12, 15])
def test_stopped_within_heats_and_gone_on_it_is_the_same_run(after, a_run, stopped_after):
    whole = a_denoising_run(a_run, "whole").go()
    assert "loss after heats" in whole.files.events.read_text()
    stopped_after(after, a_denoising_run(a_run, "stopped").go)
    again = a_denoising_run(a_run, "stopped", keep=True)
    saved = read_state(again.files.last, again.files.previous)
    again.state.load_state_dict(copy.deepcopy(saved))
    again.state.schedule = Schedule(
        again.state.schedule.grids, tuple(Stage(**s) for s in saved["stages"]), patches=1.0
    )
    again.go()
    ends = [read_state(r.files.last, r.files.previous) for r in (whole, again)]
    for end in ends:
        for of_the_clock in ("seconds", "wall_seconds", "peak_memory"):
            end["progress"].pop(of_the_clock)
    assert same(*ends)
    assert torch.equal(*(next(r.state.evaluated.parameters()) for r in (whole, again)))
