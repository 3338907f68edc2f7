"""When a stage is left early, what becomes of its work, and runs in mode auto."""

import math
import signal
from dataclasses import replace

import pytest
import torch
from kills import difference, recipe, rows
from torch import nn

from telegrad.mge.grids import GridHierarchy
from telegrad.records.records import Records
from telegrad.runs.options import in_units
from describe import changed, described
from telegrad.runs.run import run
from telegrad.schedules.early_stop import EarlyStop
from telegrad.schedules.schedule import auto, cascadic
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.state import LearningRate, Progress

GRIDS = GridHierarchy((64, 64), levels=3)
SCHEDULE = cascadic(GRIDS, steps=(600, 60, 30), batch_sizes=(16, 4, 1))  # 600, 60 and 30 WU


def left_after(losses, every=50, schedule=SCHEDULE):
    """Steps after which a stage is left, of a run validated every so many steps; else None."""
    controller = EarlyStop()
    for k, loss in enumerate(losses, 1):
        reason = controller.look(schedule, done=k * every, work_units=float(k * every), loss=loss)
        if reason:
            return k * every, reason
    return None


def test_a_stage_that_still_lowers_the_finest_loss_is_not_left():
    assert left_after([1 / k for k in range(1, 13)]) is None
    swings = [1.0, 1.3, 1.2, 0.9, 1.1, 1.0, 0.8, 1.1, 0.9, 0.7, 0.9, 0.8]
    assert left_after(swings) is None


def test_a_stage_is_left_after_a_third_of_its_share_without_a_new_lowest_loss():
    done, reason = left_after([1.0, 0.5, *[0.6] * 10])
    assert done == 100 + 200  # lowest at 100 WU, and a third of 600 WU
    assert reason == (
        "level 0 has not lowered the finest loss for 200 WU (lowest 0.5 at 100 WU, now 0.6): "
        "moving to level 1"
    )


def test_it_takes_three_validations_to_leave_a_stage():
    assert left_after([1.0, 2.0, 2.0], every=190) is None
    assert left_after([1.0, 2.0, 2.0, 2.0], every=149)[0] == 4 * 149


def test_neither_the_last_step_of_a_stage_nor_the_last_stage_is_left():
    assert left_after([1.0, 2.0, 2.0, 2.0], every=150) is None  # step 600 is the stage's last
    one = cascadic(GridHierarchy((64, 64), levels=1), steps=(600,), batch_sizes=(1,))
    assert left_after([1.0] * 12, schedule=one) is None


def test_a_new_stage_has_a_lowest_loss_of_its_own():
    controller = EarlyStop()
    controller.look(SCHEDULE, 590, 590.0, loss=0.1)
    controller.look(SCHEDULE, 601, 601.0, loss=0.5)
    assert (controller.level, controller.lowest, controller.lowest_at) == (1, 0.5, 601.0)


@pytest.mark.parametrize("done", [1, 333, 599, 601, 640])
def test_what_a_left_stage_had_left_goes_to_the_later_ones_in_their_proportions(done):
    changed = SCHEDULE.next_stage(done)
    number, _ = SCHEDULE.at(done - 1)
    assert sum(changed.lengths[: number + 1]) == done
    assert changed.lengths[:number] == SCHEDULE.lengths[:number]
    rounding = sum(changed.step_cost(stage) for stage in changed.stages)
    assert changed.work_units == pytest.approx(SCHEDULE.work_units, abs=rounding)
    if number == 0:
        assert changed.lengths[1] == pytest.approx(2 * changed.lengths[2], abs=2)
    assert changed.at(done)[0] == number + 1


def test_the_last_stage_has_none_to_leave_it_for():
    with pytest.raises(ValueError, match="last stage can't be left"):
        SCHEDULE.next_stage(SCHEDULE.steps)


def test_a_step_belongs_to_its_stage():
    assert [SCHEDULE.at(step)[0] for step in (0, 599, 600, 659, 660, 689)] == [0, 0, 1, 1, 2, 2]
    for step in (-1, 690):
        with pytest.raises(ValueError, match=rf"no step {step}; there are 690"):
            SCHEDULE.at(step)


@pytest.mark.parametrize("levels", range(1, 7))
def test_on_each_coarser_level_auto_has_twice_the_work_and_twice_the_samples(levels):
    schedule = auto(GridHierarchy((128, 128), levels), budget=1000 * (2**levels - 1))
    spent = [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]
    assert spent == [1000 * 2**halvings for halvings in reversed(range(levels))]
    assert [stage.finest for stage in schedule.stages] == list(range(levels))
    sizes = [stage.batch_sizes for stage in schedule.stages]
    assert sizes == [(2**halvings,) for halvings in reversed(range(levels))]


def test_auto_begins_where_images_still_show_the_problem():
    def coarsest(task, **options):
        options = {"strategy": "auto", "network": "resnet", "size": 128} | options
        return described(task=task, work_units=1000.0, **options).build_grids().shape(0)

    assert coarsest("denoising") == (8, 8)
    assert coarsest("superresolution") == (16, 16)  # for SSIM
    assert coarsest("deblurring") == (16, 16)  # five standard deviations of 3 pixels
    assert coarsest("deblurring", sigma=1.0) == (8, 8)
    assert coarsest("deblurring", sigma=6.0) == (32, 32)
    assert coarsest("deblurring", level_rule="physical") == (8, 8)
    assert coarsest("deblurring", size=16) == (8, 8)  # two levels at least


# --- a budget -------------------------------------------------------------------------------------


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


def test_a_run_with_a_budget_of_time_is_as_long_as_its_steps_took_when_timed(tmp_path, monkeypatch):
    def step_seconds(fabric, state, task, rounds):
        return [0.5, 0.25]

    monkeypatch.setattr("telegrad.runs.run.seconds_per_step", step_seconds)
    monkeypatch.setattr("telegrad.runs.run.seconds_per_validation", lambda *_: 1.0)
    timed = recipe(tmp_path, strategy="auto", work_units=None, budget="20s", validations=4)
    report = run(timed)
    # 20 s less 4 validations and one at the end of each stage; 4 steps on level 0 for one on level 1
    parts = 14 / (4 * 0.5 + 0.25)
    assert report.progress.iteration == round(4 * parts) + round(parts)
    assert run(timed, resume=True).progress == report.progress
    with pytest.raises(ValueError, match="its 20 validations alone take 22 s"):
        run(changed(timed, overwrite=True, validations=20))


# --- the learning rate ----------------------------------------------------------------------------


def test_the_learning_rate_is_constant_and_then_falls_linearly_with_the_work():
    rate = LearningRate(3e-3, lowest=0.0, decay=0.3)
    done = {0: 1, 0.5: 1, 0.7: 1, 0.85: 0.5, 1: 0, 1.1: 0}  # part of the work: of the rate
    for part, height in done.items():
        progress = Progress(work_units=part * SCHEDULE.work_units)
        assert rate.at(SCHEDULE, progress) == pytest.approx(3e-3 * height, abs=1e-12)


def test_without_a_decay_the_learning_rate_is_a_cosine_of_the_steps():
    rate = LearningRate(1e-3, lowest=1e-6)
    for iteration in (0, 100, 345, 690, 700):
        expected = 1e-6 + (1e-3 - 1e-6) * (1 + math.cos(math.pi * min(iteration / 690, 1))) / 2
        assert rate.at(SCHEDULE, Progress(iteration=iteration)) == pytest.approx(expected)


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
        network="own",
        work_units=400.0,
        shares=[9, 1],
        validations=60,
        ema=0.9,
    )


def test_a_run_leaves_a_level_that_gives_no_more_and_says_why(apart):
    report, planned = run(apart, Apart()), build_schedule(apart)
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
        (0.0, {"task": "superresolution", "network": "srnet"}),
        (0.0, {"task": "deblurring"}),
        (0.0, {"task": "inpainting"}),
        (0.5, {"task": "inpainting", "patches": 0.5}),
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
        assert getattr(made.build_task(), "level_rule", "pixel") == "pixel"


@pytest.mark.parametrize(
    ("says", "options"),
    [
        (r"patches=1.5: needs a part in \[0, 1\]", {"patches": 1.5}),
        ("patches is an option of cascadic and auto", {"patches": 0.5, "strategy": "fullmultiscale"}),
        ("strategy=auto has none with patches", {"patches": 0.5, "adapt": 0.1}),
        (
            "level_rule=physical is for restricted images",
            {"patches": 0.5, "task": "inpainting", "level_rule": "physical"},
        ),
    ],
)
def test_patches_where_they_make_no_sense_are_refused(says, options):
    with pytest.raises(ValueError, match=says):
        described(**{"strategy": "auto", "network": "resnet", "work_units": 2000.0} | options)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_resumed_around_the_move_it_is_the_same_run(offset, apart, tmp_path, monkeypatch):
    report = run(apart, Apart())
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
            run(stopped, Apart())
    run(changed(stopped, resume=True), Apart())
    assert difference(apart, stopped) == (0.0, 0)
