"""What a run will cost, before it is made; and the prediction beside the outcome."""

import json
import math
import sys

import pytest
from describe import changed
from kills import recipe

from telegrad.cli.main import main
from telegrad.cli.summary import summary
from telegrad.runs.build import build_schedule
from telegrad.runs.planning import plan
from telegrad.runs.running import run
from telegrad.training.forecast import Forecast, validation_steps

runs, timing = sys.modules["telegrad.runs.running"], sys.modules["telegrad.runs.timing"]
STEP_SECONDS, VALIDATION_SECONDS = [0.5, 0.25], 2.0


@pytest.fixture
def clock(monkeypatch):
    """Steps and validations take what is said here."""
    monkeypatch.setattr(timing, "seconds_per_step", lambda *_, **__: STEP_SECONDS)
    monkeypatch.setattr(timing, "seconds_per_validation", lambda *_: VALIDATION_SECONDS)


def test_a_plan_is_the_schedule_with_its_seconds_and_memory(clock, tmp_path):
    whole = recipe(tmp_path / "results", strategy="cascadic")
    planned, schedule = plan(whole), build_schedule(whole)
    validations = len(validation_steps(schedule, whole.validations))
    of_stages = [n * s for n, s in zip(schedule.lengths, STEP_SECONDS, strict=True)]
    assert planned.schedule == schedule
    assert planned.seconds == pytest.approx(sum(of_stages) + validations * VALIDATION_SECONDS)
    assert planned.peak_memory > 50
    lines = str(planned).splitlines()
    for line, seconds, stage in zip(lines[2:4], of_stages, STEP_SECONDS, strict=True):
        assert line.split()[-2:] == [f"{1e3 * stage:.3g}", f"{seconds:.3g}"]
    assert lines[-1].startswith(f"Estimated: {planned.seconds:.3g} s, of which validations take")
    assert len({len(line) for line in lines[1:4]}) == 1
    assert not (tmp_path / "results").exists()


def test_a_budget_of_time_is_what_is_planned(clock, tmp_path):
    whole = recipe(tmp_path, strategy="auto", work_units=None, budget="40s")
    assert plan(whole).seconds == pytest.approx(40, abs=sum(STEP_SECONDS) + 3 * VALIDATION_SECONDS)


def a_race(monkeypatch, out, budget, of_step, of_validation):
    """A run in which every step takes as long."""

    def same_for_all(fabric, state, objective, rounds=3, stages=None):
        return [of_step] * len(state.schedule.stages if stages is None else stages)

    for module in (runs, timing):
        monkeypatch.setattr(module, "seconds_per_step", same_for_all)
    monkeypatch.setattr(timing, "seconds_per_validation", lambda *_: of_validation)
    return recipe(
        out, strategy="race", work_units=None, budget=budget, levels=None, batch_sizes=None
    )


def test_a_budget_of_time_is_suited_to_the_machine_before_it_is_planned(tmp_path, monkeypatch):
    whole = a_race(monkeypatch, tmp_path, "90s", of_step=0.01, of_validation=0.1)
    planned = plan(whole)
    assert {stage.batch_sizes for stage in build_schedule(whole).stages} == {(32,)}  # of 16×16
    assert {stage.batch_sizes for stage in planned.schedule.stages} == {(512,)}
    assert planned.seconds == pytest.approx(90, abs=1)


@pytest.mark.parametrize(("of_validation", "heats"), [(0.01, True), (1.5, False)])
def test_heats_that_validations_leave_few_steps_are_left_out(
    tmp_path, monkeypatch, of_validation, heats
):
    whole = a_race(monkeypatch, tmp_path, "30s", 0.02, of_validation)
    planned = plan(whole)
    assert any(stage.heat is not None for stage in planned.schedule.stages) == heats
    assert planned.seconds == pytest.approx(30, abs=2 * of_validation + 0.1)


def test_a_plan_is_printed_and_its_bad_input_refused(tmp_path, capsys):
    options = "paper_denoising --network resnet --network.channels 8 --size 16 --levels 2 --validation.images 4"
    results = ["--out", str(tmp_path / "results"), "--device", "cpu"]
    assert (
        main(["plan", *options.split(), "--strategy", "auto", "--budget", "200wu", *results]) == 0
    )
    said = capsys.readouterr().out
    assert said.startswith("Schedule: ")
    assert "Estimated: " in said
    assert not (tmp_path / "results").exists()
    assert main(["plan", *options.split(), "--strategy", "auto", *results]) == 2
    assert "auto needs a budget" in capsys.readouterr().err
    assert main(["plan"]) == 2
    assert "which task?" in capsys.readouterr().err


def test_the_report_holds_the_prediction_beside_the_outcome(tmp_path, monkeypatch):
    whole = recipe(tmp_path, strategy="cascadic")
    validations, schedule = whole.validations, build_schedule(whole)
    expected = Forecast.of(schedule, STEP_SECONDS, VALIDATION_SECONDS, validations)
    monkeypatch.setattr(runs, "forecast", lambda *_: expected)
    report = run(whole)
    assert report.estimated_seconds == pytest.approx(expected.total)
    assert report.wall_seconds > report.progress.seconds
    assert f"s, {report.estimated_seconds:,.0f} s estimated, peak memory " in summary(whole, report)
    figures = json.loads((report.files.path / "report.json").read_text())
    assert figures["estimated_seconds"] == report.estimated_seconds
    assert figures["work_units"] == report.progress.work_units
    assert figures["restored"]["loss"] == report.restored.loss
    assert all(value is None or math.isfinite(value) for value in figures["corrupted"].values())


def test_a_resumed_run_adds_to_the_estimate_what_was_added_to_the_run(tmp_path, monkeypatch):
    whole = recipe(tmp_path, strategy="single", work_units=40.0)
    steps = []
    for config in (whole, changed(whole, work_units=50.0), changed(whole, work_units=60.0)):
        schedule = build_schedule(config)
        steps.append(schedule.steps)
        seconds = [1.0 + len(steps)]
        expected = Forecast.of(schedule, seconds, 0.0, config.validations)
        monkeypatch.setattr(runs, "forecast", lambda *_, told=expected: told)
        report = run(config, resume=len(steps) > 1)
        added = [(n - before) for before, n in zip([0, *steps], steps, strict=False)]
        total = sum((2 + k) * n for k, n in enumerate(added))
        assert report.estimated_seconds == pytest.approx(total)
        assert ". With validations " in summary(config, report)
        assert run(config, resume=True).estimated_seconds == report.estimated_seconds


def test_what_was_not_estimated_counts_as_long_as_it_took(tmp_path, monkeypatch):
    whole = recipe(tmp_path, strategy="single", work_units=20.0)
    first, longer = run(whole), changed(whole, work_units=30.0)
    assert first.estimated_seconds is None  # so short that timing would cost too much
    schedule = build_schedule(longer)
    expected = Forecast.of(schedule, [100.0], 0.0, longer.validations)
    monkeypatch.setattr(runs, "forecast", lambda *_: expected)
    left = 100.0 * (schedule.steps - first.progress.iteration)
    report = run(longer, resume=True)
    assert report.estimated_seconds == pytest.approx(first.wall_seconds + left)


def test_without_a_forecast_none_is_told(tmp_path):
    whole = recipe(tmp_path, strategy="single", work_units=20.0)
    report = run(whole)  # so short that timing would cost too much
    assert report.estimated_seconds is None
    assert "estimated_seconds" not in summary(whole, report)
