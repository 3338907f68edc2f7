"""The time left: what is estimated_seconds, and that a run does not notice that it was timed."""

import math
import signal
from importlib import import_module

import pytest
import torch
import tqdm.std
from describe import changed
from kills import difference, recipe

from telegrad.mge.grids import GridHierarchy
from telegrad.records import Records
from telegrad.runs.running import run
from telegrad.schedules import cascadic
from telegrad.tasks import PaperDenoising
from telegrad.training import timing
from telegrad.training.checkpoint import checksum
from telegrad.training.forecast import Forecast, progress_bar, validation_steps
from telegrad.training.timing import SHARE

SCHEDULE = cascadic(GridHierarchy((32, 32), levels=3), steps=(40, 20, 10), batch_sizes=(16, 4, 1))
STEP_SECONDS, VALIDATION_SECONDS, VALIDATIONS = (0.5, 0.25, 1.0), 3.0, 4
FORECAST = Forecast.of(SCHEDULE, STEP_SECONDS, VALIDATION_SECONDS, VALIDATIONS)


def test_a_run_takes_its_steps_and_its_validations():
    validations = len(validation_steps(SCHEDULE, VALIDATIONS))
    assert FORECAST.total == pytest.approx(40 * 0.5 + 20 * 0.25 + 10 * 1.0 + 3.0 * validations)
    assert FORECAST.work_units[-1] == pytest.approx(SCHEDULE.work_units)


@pytest.mark.parametrize("slower", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("first", [0, 15, 55])
def test_the_bar_foretells_the_end_wherever_stages_differ(slower, first, monkeypatch):
    """On a machine that is slower or faster by any factor, and for runs that were resumed."""
    now = [1000.0]
    monkeypatch.setattr(tqdm.std, "time", lambda: now[0])
    done = FORECAST.work_units[first]
    remaining = slower * (FORECAST.total - FORECAST.seconds[first])
    validated = validation_steps(SCHEDULE, VALIDATIONS)
    with progress_bar(SCHEDULE, done, expected=FORECAST) as bar:
        end = now[0] + remaining
        for step, number, stage in list(SCHEDULE.walk(first))[:-1]:
            now[0] += slower * (STEP_SECONDS[number] + VALIDATION_SECONDS * (step in validated))
            bar.update(SCHEDULE.step_cost(stage))
            shown = bar.format_dict
            left = (shown["total"] - shown["n"]) / shown["rate"]
            assert now[0] + left == pytest.approx(end)
            assert f"<{bar.format_interval(left)}" in str(bar)


def test_before_the_first_step_and_on_a_clock_that_stands_the_bar_is_shown(monkeypatch):
    monkeypatch.setattr(tqdm.std, "time", lambda: 1000.0)
    with progress_bar(SCHEDULE, expected=FORECAST) as bar:
        assert f"<{bar.format_interval(FORECAST.total)}" in str(bar)
        bar.update(10.0)
        assert "<?" in str(bar)
        bar.update(SCHEDULE.work_units - 10.0)
        assert "100%" in str(bar)


def test_a_stage_that_ends_early_changes_total_and_time_left():
    with progress_bar(SCHEDULE, expected=FORECAST) as bar:
        shorter = SCHEDULE.next_stage(21)
        bar.update(21 * SCHEDULE.step_cost(SCHEDULE.stages[0]))
        bar.follow(shorter)
        assert bar.total == shorter.work_units
        assert bar.forecast.total == pytest.approx(
            21 * 0.5
            + shorter.lengths[1] * 0.25
            + shorter.lengths[2] * 1.0
            + 3.0 * len(validation_steps(shorter, VALIDATIONS))
        )
        assert len(bar.forecast.seconds) == shorter.steps + 1


# --- measuring ------------------------------------------------------------------------------------


def before_training(monkeypatch, look):
    """Has `look` called with all that `forecast` is given, in its place."""
    monkeypatch.setattr(import_module("telegrad.runs.running"), "forecast", look)


def test_stages_are_told_apart_and_the_first_step_of_each_only_warms_up(tmp_path, monkeypatch):
    now, seconds = [0.0], {0: iter([9.0, 2.0, 2.5, 4.0]), 1: iter([9.0, 5.0, 5.5, 5.25])}
    found = []

    def take_step(fabric, state, task, records, skips):
        now[0] += next(seconds[state.schedule.stages[0].finest])

    def look(fabric, state, task, *_):
        with monkeypatch.context() as context:
            context.setattr(timing, "take_step", take_step)
            context.setattr(timing.time, "perf_counter", lambda: now[0])
            found.extend(timing.seconds_per_step(fabric, state, task, rounds=4))

    before_training(monkeypatch, look)
    run(recipe(tmp_path))
    assert found == [2.5, 5.25]


@pytest.mark.parametrize("mode", ["single", "fullmultiscale", "cascadic"])
def test_a_timed_run_is_the_run_that_was_not_timed(mode, tmp_path, monkeypatch):
    """With dropout, Adam's moments and a moving average, from the start and when resumed."""
    monkeypatch.setattr(timing, "SHARE", 0.5)
    untimed = recipe(tmp_path / "untimed", strategy=mode, ema=0.9)
    with monkeypatch.context() as context:
        before_training(context, lambda *_: None)
        run(untimed)
    timed, estimated_seconds = changed(untimed, out=str(tmp_path / "timed")), []

    def noted(*arguments):
        estimated_seconds.append(timing.forecast(*arguments))
        return estimated_seconds[-1]

    before_training(monkeypatch, noted)
    trained, calls = Records.trained, []

    def interrupted(self, *row):
        trained(self, *row)
        calls.append(1)
        if len(calls) == 15:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Records, "trained", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(timed)
    run(timed, resume=True)
    assert [type(f) for f in estimated_seconds] == [Forecast, Forecast]
    assert difference(untimed, timed) == (0.0, 0)


def test_a_failing_step_while_timing_leaves_the_state_as_it_was(tmp_path, monkeypatch):
    losses, calls = PaperDenoising.losses, []

    def fails(self, *arguments):
        calls.append(1)
        if len(calls) == 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return losses(self, *arguments)

    def look(fabric, state, task, *_):
        before = checksum(state.state_dict())
        with monkeypatch.context() as context:
            context.setattr(PaperDenoising, "losses", fails)
            with pytest.raises(MemoryError, match=r"batch_sizes=\[4, 2\]"):
                timing.seconds_per_step(fabric, state, task)
        assert checksum(state.state_dict()) == before

    before_training(monkeypatch, look)
    run(recipe(tmp_path, skip_updates=0))
    assert len(calls) == 5


def test_a_loss_that_is_not_finite_while_timing_neither_counts_nor_stops(tmp_path, monkeypatch):
    losses, calls = PaperDenoising.losses, []

    def fails(self, *arguments):
        calls.append(1)
        return losses(self, *arguments) * (math.nan if len(calls) > 2 else 1.0)

    def look(fabric, state, task, *_):
        with monkeypatch.context() as context:
            context.setattr(PaperDenoising, "losses", fails)
            timing.seconds_per_step(fabric, state, task)

    before_training(monkeypatch, look)
    report = run(recipe(tmp_path))
    assert report.progress.skipped == 0
    assert not (report.files.path / "events.log").exists()


@pytest.mark.parametrize("work_units", [60.0, 900.0, 1000.0, 4000.0])
def test_timing_costs_a_hundredth_of_the_work_or_is_left_out(work_units, tmp_path, monkeypatch):
    found, spent = [], []
    take_step = timing.take_step

    def counted(fabric, state, *rest, **options):
        before = state.progress.work_units
        take_step(fabric, state, *rest, **options)
        spent.append(state.progress.work_units - before)

    def look(*arguments):
        found.append(timing.forecast(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(timing, "take_step", counted)
    before_training(monkeypatch, look)
    with pytest.raises(KeyboardInterrupt):
        run(recipe(tmp_path, network="resnet", channels=4, images=2, work_units=work_units))
    assert sum(spent) <= SHARE * work_units
    assert (found[0] is None) == (work_units < 1000) == (not spent)
