"""When a stage is left early, what becomes of its work, and runs in mode auto."""

import signal
from importlib import import_module

import pytest
import torch
from describe import changed, described
from kills import difference, recipe, rows
from torch import nn

from telegrad.records import Records
from telegrad.runs.build import build_objective, build_schedule
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint


def test_auto_begins_where_images_still_show_the_problem():
    def coarsest(task, **options):
        options = {"strategy": "auto", "network": "resnet", "size": 128} | options
        return build_schedule(described(task=task, work_units=1000.0, **options)).grids.shape(0)

    assert coarsest("paper_denoising") == (8, 8)
    assert coarsest("paper_superresolution") == (16, 16)  # for SSIM
    assert coarsest("paper_deblurring") == (16, 16)  # five standard deviations of 3 pixels
    assert coarsest("paper_deblurring", sigma=1.0) == (8, 8)
    assert coarsest("paper_deblurring", sigma=6.0) == (32, 32)
    assert coarsest("paper_deblurring", level_rule="physical") == (8, 8)
    assert coarsest("paper_deblurring", size=16) == (8, 8)  # two levels at least


def test_a_run_with_a_budget_of_time_is_as_long_as_its_steps_took_when_timed(tmp_path, monkeypatch):
    def step_seconds(fabric, state, task, rounds):
        return [0.5, 0.25]

    timing = import_module("telegrad.runs.timing")
    monkeypatch.setattr(timing, "seconds_per_step", step_seconds)
    monkeypatch.setattr(timing, "seconds_per_validation", lambda *_: 1.0)
    timed = recipe(tmp_path, strategy="auto", work_units=None, budget="20s", validations=4)
    report = run(timed)
    # 20 s less 4 validations, the last at the end, and one between the stages; 4 steps on level 0
    # for one on level 1
    assert report.progress.iteration == pytest.approx(5 * 15 / (4 * 0.5 + 0.25), abs=1)
    assert report.progress.validations == 5
    assert report.estimated_seconds == pytest.approx(20, abs=0.25)
    assert read_checkpoint(report.files.last)["controller"]["costs"] == [0.5, 0.25]
    assert run(timed, resume=True).progress == report.progress
    with pytest.raises(ValueError, match="its 20 validations alone take 22 s"):
        run(changed(timed, overwrite=True, validations=20))


# --- runs -----------------------------------------------------------------------------------------


class Apart(nn.Module):
    """Small images train a part that large ones make no use of."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.small, self.large = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.large(x) if x.shape[-1] == 16 else self.small(x)


@pytest.fixture
def apart(tmp_path):
    """A run in mode auto of which the coarse level doesn't lower the finest loss."""
    return recipe(
        tmp_path / "whole",
        strategy="auto",
        network=Apart(),
        channels=None,
        work_units=400.0,
        shares=[9, 1],
        validations=60,
        ema=0.9,
    )


def test_a_run_leaves_a_level_that_gives_no_more_and_says_why(apart):
    report, planned = run(apart), build_schedule(apart)
    stages = [stage["steps"] for stage in read_checkpoint(report.files.last)["stages"]]
    assert stages[0] < planned.lengths[0]
    assert stages[1] > planned.lengths[1]
    assert sum(stages) == report.progress.iteration == len(rows(apart, "train"))
    assert report.progress.work_units == pytest.approx(400, abs=2)
    (event,) = (report.files.path / "events.log").read_text().splitlines()
    assert f"iteration {stages[0]}: level 0 has not lowered the finest loss for" in event
    validated = [int(row["iteration"]) for row in rows(apart, "progress")]
    assert stages[0] in validated
    assert validated[-1] == sum(stages)


@pytest.mark.parametrize(
    ("part", "options"),
    [
        (0.5, {}),
        (0.0, {"task": "paper_superresolution", "network": "srnet"}),
        (0.0, {"task": "paper_deblurring"}),
        (0.0, {"task": "paper_inpainting"}),
        (0.5, {"task": "paper_inpainting", "patches": 0.5}),
        (0.0, {"adapt": 0.1}),
        (0.0, {"patches": 0.0}),
        (0.25, {"patches": 0.25, "strategy": "cascadic"}),
        (0.0, {"strategy": "cascadic"}),
        (1.0, {"strategy": "growing_patches"}),
    ],
)
def test_half_of_autos_coarse_images_are_patches_where_corruption_is_pixelwise(part, options):
    made = described(**{"strategy": "auto", "network": "resnet", "work_units": 2000.0} | options)
    assert build_schedule(made).patches == part
    if part:
        assert getattr(build_objective(made).task, "level_rule", "pixel") == "pixel"


@pytest.mark.parametrize(
    ("says", "options"),
    [
        ("patches=1.5: needs a number between 0 and 1", {"patches": 1.5}),
        (
            "no option --patches",
            {"patches": 0.5, "strategy": "fullmultiscale"},
        ),
        ("telescoping sum, and patches have none", {"patches": 0.5, "adapt": 0.1}),
        (
            "level_rule=physical is for restricted images",
            {"patches": 0.5, "task": "paper_inpainting", "level_rule": "physical"},
        ),
    ],
)
def test_patches_where_they_make_no_sense_are_refused(says, options):
    with pytest.raises(ValueError, match=says):
        build_objective(
            described(**{"strategy": "auto", "network": "resnet", "work_units": 2000.0} | options)
        )


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_resumed_around_the_move_it_is_the_same_run(offset, apart, tmp_path, monkeypatch):
    report = run(apart)
    first, _ = [stage["steps"] for stage in read_checkpoint(report.files.last)["stages"]]
    stopped = changed(apart, out=str(tmp_path / "stopped"))
    trained = Records.trained

    def interrupted(self, iteration, *row):
        trained(self, iteration, *row)
        if iteration == first + offset:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as context:
        context.setattr(Records, "trained", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(stopped)
    run(stopped, resume=True)
    assert difference(apart, stopped) == (0.0, 0)
