"""How often a run in a budget of time validates, and what its bar says meanwhile."""

import importlib
import io

import pytest
import torch
from describe import described
from kills import recipe, rows
from torch import nn

from telegrad.bars import Bar
from telegrad.runs.planning import plan
from telegrad.runs.running import run
from telegrad.training import loop
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.validation_plan import FEWEST, SHARE, ValidationPlan

WANTED = ValidationPlan(40, 64)


def within(seconds, per_image, stages=4, times_open=True, images_open=True):
    return ValidationPlan.within(
        *(seconds, per_image, stages, WANTED), times_open=times_open, images_open=images_open
    )


@pytest.mark.parametrize("seconds", [10.0, 180.0, 7200.0])
@pytest.mark.parametrize("per_image", [1e-4, 3e-3, 0.05, 0.4])
def test_what_is_left_open_fits_into_its_share_of_the_time(seconds, per_image):
    chosen = within(seconds, per_image)
    cost = chosen.images * per_image * (chosen.validations + 3)
    assert cost <= SHARE * seconds or chosen == ValidationPlan(1, 1)
    assert chosen.validations >= min(FEWEST, 40) or chosen.images == 1
    if WANTED.images * per_image * 43 <= SHARE * seconds:
        assert chosen == WANTED


def test_what_was_asked_for_stays():
    assert within(10, 1, times_open=False).validations == 40
    assert within(10, 1, images_open=False).images == 64
    assert within(10, 1, times_open=False, images_open=False) == WANTED


@pytest.fixture
def clock(monkeypatch):
    """Steps take half and a quarter of a second, and so does validating an image."""
    timing = importlib.import_module("telegrad.runs.timing")
    monkeypatch.setattr(timing, "seconds_per_step", lambda *_, **__: [0.5, 0.25])
    monkeypatch.setattr(timing, "seconds_per_validation", lambda v, _: 0.25 * v.images)


def timed(place, **options):
    return recipe(place, strategy="auto", work_units=None, validations=None, images=None, **options)


def test_a_plan_fills_the_budget_and_validates_in_a_tenth_of_it(clock, tmp_path):
    planned = plan(timed(tmp_path, budget="60s"))
    assert planned.seconds == pytest.approx(60, rel=0.1)
    steps = sum(n * s for n, s in zip(planned.schedule.lengths, [0.5, 0.25], strict=True))
    assert planned.seconds - steps <= SHARE * 60


def test_a_run_validates_as_planned_and_goes_on_so(clock, tmp_path):
    config = timed(tmp_path, budget="20s")
    report = run(config)
    made = len(rows(config, "progress"))
    planned = read_checkpoint(report.files.last)["validation_plan"]
    assert made * planned["images"] * 0.25 <= SHARE * 20 + 0.5
    again = run(config, resume=True)
    assert read_checkpoint(again.files.last)["validation_plan"] == planned
    assert len(again.restored.mse) == len(report.restored.mse) == 64  # at the end


class Patient(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 3, 3, padding=1)

    def forward(self, x, t):
        return super().forward(x)


def test_a_look_before_the_first_validation_changes_nothing(tmp_path, monkeypatch):
    options = {"network": Patient(), "size": 16, "steps": 6, "validations": 1, "images": 4}
    plain = described(out=str(tmp_path / "plain"), **options)
    run(plain)
    looked = []
    first = loop.look

    def look(*arguments):
        looked.append(arguments)
        first(*arguments)

    monkeypatch.setattr(loop, "FIRST_LOOK", 0.0)
    monkeypatch.setattr(loop, "look", look)
    other = described(out=str(tmp_path / "other"), **options)
    run(other)
    assert len(looked) == 1
    states = [torch.load(c.directory.last, weights_only=True)["network"] for c in (plain, other)]
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))
    assert rows(plain, "progress") == rows(other, "progress")


def test_without_a_terminal_there_are_lines(monkeypatch):
    monkeypatch.setattr("telegrad.bars.SECONDS", 0.0)
    said = io.StringIO()
    for _ in Bar(range(3), desc="reading", file=said):
        pass
    lines = said.getvalue().splitlines()
    assert lines and all(line.startswith("reading: ") for line in lines)
    assert "\r" not in said.getvalue()
