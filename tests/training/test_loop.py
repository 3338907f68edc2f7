"""The loop on its own: what it leaves, how it stops, and that it goes on as if it had not."""

import csv
import math

import pytest
import torch

from telegrad.mge import GridHierarchy
from telegrad.records import NoRecords
from telegrad.schedules import Adaptation, EarlyStop, Schedule, Stage, cascadic
from telegrad.tasks import PaperDenoising
from telegrad.training import loop
from telegrad.training.checkpoint import checksum, read_checkpoint, read_state
from telegrad.training.timing import forecast, seconds_per_step


def rows(path):
    with path.open() as file:
        found = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("time", "seconds")} for row in found]


def outcome(run):
    """All that a clock does not decide."""
    state = read_checkpoint(run.files.last)
    for of_the_clock in ("seconds", "wall_seconds", "peak_memory"):
        state["progress"].pop(of_the_clock)
    logs = [rows(path) for path in (run.files.train_log, run.files.valid_log, run.files.progress)]
    return checksum(state), checksum(read_checkpoint(run.files.best)), logs


def test_a_run_leaves_its_logs_its_state_and_its_best_model(a_run):
    run = a_run().go()
    schedule, progress = run.state.schedule, run.state.progress
    assert progress.iteration == schedule.steps == len(rows(run.files.train_log))
    assert progress.work_units == pytest.approx(schedule.work_units)
    valid = rows(run.files.valid_log)
    assert int(valid[-1]["iteration"]) == schedule.steps
    assert 8 in {int(row["iteration"]) for row in valid}  # the end of the first stage
    best = read_checkpoint(run.files.best)
    assert best["valid_loss"] == progress.best_loss
    assert best["iteration"] == progress.best_iteration
    averaged = run.state.evaluated.state_dict()
    assert best["iteration"] < schedule.steps or all(
        torch.equal(best["model_state_dict"][k], v) for k, v in averaged.items()
    )
    assert run.files.weights.exists()
    assert read_state(run.files.last, run.files.previous)["progress"]["iteration"] == schedule.steps


def test_a_state_that_takes_long_to_save_is_not_saved_after_every_validation(a_run, monkeypatch):
    saved = []

    def counted(last, previous, content):
        saved.append(content["progress"]["iteration"])

    monkeypatch.setattr(loop, "write_state", counted)
    run = a_run().go()
    validated = [int(row["iteration"]) for row in rows(run.files.valid_log)]
    assert saved == [0, *validated]
    assert len(validated) > 1
    monkeypatch.setattr(loop, "QUICK", -1.0)  # no saving is quick, and none may take any time
    monkeypatch.setattr(loop, "SAVING", 0.0)
    saved.clear()
    run = a_run("slow").go()
    assert saved == [0, run.state.schedule.steps]


def test_the_learning_rate_falls_along_its_curve(a_run):
    run = a_run().go()
    rate, schedule = run.state.learning_rate, run.state.schedule
    work = 0.0
    expected = {}
    for step, _, stage in schedule.walk():
        expected[step + 1] = rate.at(schedule, step, work)
        work += schedule.step_cost(stage)
    for row in rows(run.files.progress):
        assert float(row["learning_rate"]) == pytest.approx(expected[int(row["iteration"])], 1e-4)


@pytest.mark.parametrize("after", [1, 5, 8, 9, 13])
def test_a_run_that_was_stopped_and_goes_on_is_the_run_that_was_not(after, a_run, stopped_after):
    whole = a_run().go()
    stopped_after(after, a_run("stopped").go)
    again = a_run("stopped", keep=True)
    saved = read_state(again.files.last, again.files.previous)
    assert saved["progress"]["iteration"] == after
    again.state.load_state_dict(saved)
    again.go()
    assert outcome(again) == outcome(whole)


def test_a_timed_run_is_the_run_that_was_not_timed(a_run):
    whole = a_run().go()
    timed = a_run("timed")
    before = checksum(timed.state.state_dict())
    seconds = seconds_per_step(timed.fabric, timed.state, timed.objective, rounds=2)
    assert len(seconds) == 2 and min(seconds) > 0
    assert checksum(timed.state.state_dict()) == before
    assert not list(timed.files.path.parent.glob("timed*"))
    assert outcome(timed.go()) == outcome(whole)


def test_a_short_run_is_not_timed(a_run):
    run = a_run()
    assert forecast(run.fabric, run.state, run.objective, run.validation, validations=4) is None


# --- losses that are no numbers, memory -----------------------------------------------------------


def losses_that_fail(monkeypatch, when, values):
    """Replaces the losses of the passes `when`, counted from 1, by `values(losses)`."""
    healthy, calls = PaperDenoising.losses, []

    def losses(self, *arguments):
        calls.append(1)
        result = healthy(self, *arguments)
        return values(result) if len(calls) in when else result

    monkeypatch.setattr(PaperDenoising, "losses", losses)


def test_a_loss_that_is_not_finite_stops_before_the_update_and_says_where(a_run, monkeypatch):
    losses_that_fail(monkeypatch, {3}, lambda values: values * math.inf)
    run = a_run()
    with pytest.raises(
        FloatingPointError,
        match=r"loss, on level 0, is not finite at iteration 3, stage 0 \(seed 3, crops from 8\)\. "
        r"The update was not made .* Try a lower learning_rate",
    ):
        run.go()
    assert len(rows(run.files.train_log)) == 2
    assert "not finite" in run.files.events.read_text()
    assert all(w.isfinite().all() for w in run.state.network.parameters())


def test_a_bounded_number_of_bad_updates_is_skipped_by_choice(a_run, monkeypatch):
    losses_that_fail(monkeypatch, {2, 4}, lambda values: (values - values).sqrt())
    run = a_run().go(skips=2)
    assert run.state.progress.skipped == 2
    assert run.files.events.read_text().count("gradient is not finite") == 2
    assert all(w.isfinite().all() for w in run.state.network.parameters())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory_says_where_and_what_to_lower(a_run, monkeypatch, error):
    def too_much(values):
        raise error

    losses_that_fail(monkeypatch, {9}, too_much)
    with pytest.raises(MemoryError) as told:
        a_run().go()
    assert "iteration 9, in the pass of 2 images of 16×16; batch_sizes=[4, 2]" in str(told.value)
    assert "Lower that level's batch size, size, or the channels of the network" in str(told.value)


# --- schedules that change ------------------------------------------------------------------------


@pytest.mark.parametrize("costs", [None, [1.0, 1.0]])
def test_a_stage_that_ends_early_is_noted_and_leaves_its_budget_to_the_next(
    a_run, monkeypatch, costs
):
    schedule = cascadic(GridHierarchy((16, 16), levels=2), steps=(40, 10), batch_sizes=(4, 2))
    monkeypatch.setattr(
        EarlyStop, "look", lambda self, s, done, *_: None if s.at(done - 1)[0] else "enough"
    )
    run = a_run(schedule=schedule, early_stop=EarlyStop(costs=costs), validations=10).go()
    left = run.state.schedule
    assert left.lengths[0] < 40
    assert left == schedule.next_stage(left.lengths[0], costs)
    if costs is None:
        assert left.work_units == pytest.approx(schedule.work_units, abs=2)
    else:
        assert left.steps == schedule.steps
    assert run.state.progress.iteration == left.steps
    assert f"iteration {left.lengths[0]}: enough" in run.files.events.read_text()
    assert read_checkpoint(run.files.last)["controller"]["level"] == -1


def test_batches_are_chosen_anew_within_the_share_of_the_work(a_run):
    grids = GridHierarchy((16, 16), levels=2)
    schedule = Schedule(grids, (Stage(300, 1, (2,)),))
    adaptation = Adaptation.of(schedule, share=0.2)
    adaptation.draws = 8
    run = a_run(schedule=schedule, adaptation=adaptation, validations=10).go()
    spent, progress = run.state.adaptation.spent, run.state.progress
    assert 0 < spent <= 0.2 * progress.work_units
    assert progress.work_units + spent == pytest.approx(schedule.work_units, rel=0.05)
    events = run.files.events.read_text().splitlines()
    assert all("batches " in event for event in events)
    measured = {row["iteration"] for row in rows(run.files.levels)}
    assert len(measured) == len(events) > 0


def test_records_of_other_processes_are_not_needed(a_run, tmp_path):
    from telegrad.training.loop import take_step

    run = a_run()
    loss = take_step(run.fabric, run.state, run.objective, NoRecords(run.files))
    assert math.isfinite(loss)
    assert run.state.progress.iteration == 1
    assert not run.files.path.exists()
