from collections import Counter
from dataclasses import replace

import pytest

from telegrad.mge.grids import GridHierarchy
from telegrad.schedules import (
    Cascadic,
    Problem,
    Schedule,
    Stage,
    auto,
    cascadic,
    fullmultiscale,
    growing_patches,
    multiscale,
    progressive_patches,
    progressive_resizing,
    race,
    random_patches,
    single,
)

GRIDS = GridHierarchy((128, 128), levels=4)


@pytest.mark.parametrize(
    ("schedule", "total"),
    [
        # The paper's table: batch 240 for 2,000 steps; MGE; full multiscale.
        (single(GRIDS, steps=2000, batch_size=240), 480_000),
        (multiscale(GRIDS, form="independent"), 74_000),
        (fullmultiscale(GRIDS, form="independent"), 28_750),
        # The baselines of its code: batch 16 for 8,000 steps, and its multiscale mode as long.
        (single(GRIDS, steps=8000, batch_size=16), 128_000),
        (multiscale(GRIDS, steps=8000, form="independent"), 296_000),
        # Equal work per step; the stages of full multiscale without the estimator.
        (single(GRIDS, steps=2000, batch_size=37), 74_000),
        (cascadic(GRIDS), 16_000),
        # Patches cost what images of their size cost; random ones 16 of the largest, every step.
        (growing_patches(GRIDS), 16_000),
        (random_patches(GRIDS), 32_000),
        (
            random_patches(GRIDS, 1000, (16, 16, 16, 16)),
            1000 * 16 * (1 + 1 / 4 + 1 / 16 + 1 / 64) / 4,
        ),
        # The same in nested form: 30 a step, and 2000·2 + 1000·6 + 500·14 + 250·30.
        (multiscale(GRIDS), 60_000),
        (fullmultiscale(GRIDS), 24_500),
        # 16 on every level, as the README of the authors' code says: 16 (1 + 2 (1/4 + 1/16 + 1/64)).
        (multiscale(GRIDS, 1000, (16, 16, 16, 16), "independent"), 26_500),
    ],
)
def test_work_units_of_the_paper_and_of_the_baselines(schedule, total):
    assert schedule.work_units == total


def test_stages_of_full_multiscale():
    schedule = fullmultiscale(GRIDS)
    assert [s.steps for s in schedule.stages] == [2000, 1000, 500, 250]
    assert [s.batch_sizes[-1] for s in schedule.stages] == [16 * 2 ** (3 - j) for j in range(4)]
    assert [(s.coarsest, s.finest) for s in schedule.stages] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert schedule.stage_grids(schedule.stages[1]) == GRIDS.between(0, 1)


def test_walk_visits_every_step_once_and_starts_anywhere():
    schedule = Schedule(GRIDS, (Stage(3, 0, (8,)), Stage(2, 1, (8, 4)), Stage(1, 3, (2,))))
    everything = list(schedule.walk())
    assert [(step, number) for step, number, _ in everything] == [
        (0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2),
    ]  # fmt: skip
    for start in range(7):
        assert list(schedule.walk(start)) == everything[start:]


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(GRIDS, (Stage(3, 0, (8,)), Stage(2, 1, (8, 4)), Stage(1, 3, (2,)))),
        random_patches(GRIDS, 30, (64, 16, 4, 4)),
    ],
)
def test_the_work_before_a_step_is_that_of_the_steps_before(schedule):
    work = 0.0
    for step in range(schedule.steps):
        assert schedule.work_before(step) == pytest.approx(work)
        work += schedule.step_cost(schedule.at(step)[1])
    assert schedule.work_before(schedule.steps) == pytest.approx(work)
    for no_step in (-1, schedule.steps + 1, 0.5):
        with pytest.raises(ValueError, match=f"no step {no_step}; there are"):
            schedule.work_before(no_step)


@pytest.mark.parametrize("steps", [4, 5, 30, 375, 3750, 5001])
def test_with_steps_keeps_the_proportions_and_every_stage(steps):
    paper = fullmultiscale(GRIDS)
    schedule = paper.with_steps(steps)
    assert schedule.steps == steps
    for stage, original in zip(schedule.stages, paper.stages, strict=True):
        assert stage.steps >= 1
        if steps > 300:
            assert stage.steps / steps == pytest.approx(original.steps / 3750, abs=2 / steps)
    assert paper.with_steps(3750) == paper


@pytest.mark.parametrize(
    "with_length",
    [
        lambda schedule: schedule.with_steps(50),
        lambda schedule: schedule.with_work(4000),
        lambda schedule: schedule.with_epochs(3, 500),
        lambda schedule: schedule.with_seconds(100, (1, 1, 1, 1)),
        lambda schedule: schedule.of_lengths((4, 3, 2, 1)),
    ],
)
def test_a_length_takes_the_place_of_a_budget_of_time(with_length):
    """Or a loader would make another number of steps than was asked for."""
    timed = replace(cascadic(GRIDS), seconds=7200)
    schedule = with_length(timed)
    assert schedule.seconds is None
    assert schedule == with_length(cascadic(GRIDS))
    assert len(list(schedule.walk())) == schedule.steps
    assert "7200" not in repr(schedule)


def test_a_budget_of_time_is_walked_by_the_loader_alone():
    timed = replace(cascadic(GRIDS), seconds=7200)
    for walk in (timed.walk, lambda: timed.at(0), lambda: timed.next_stage(3)):
        with pytest.raises(ValueError, match="fit into 7200 s .* walk it with ScheduledLoader, or"):
            walk()
    assert timed.without_empty((1, 1, 0, 1)).seconds == 7200
    assert "as they fit into 7200 s" in repr(timed)


def test_with_work_spends_the_budget_in_the_given_shares():
    schedule = cascadic(GRIDS, batch_sizes=(8, 8, 8, 4)).with_work(6400, shares=(1, 2, 5, 2))
    assert schedule.work_units == pytest.approx(6400, abs=4)
    spent = [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]
    assert spent == pytest.approx([640, 1280, 3200, 1280], abs=2)
    assert single(GRIDS).with_work(1600).stages[0].steps == 100


def test_a_share_of_nothing_leaves_the_stage_out():
    schedule = cascadic(GRIDS).without_empty([0, 1, 0, 3])
    assert [stage.finest for stage in schedule.stages] == [1, 3]
    assert cascadic(GRIDS).without_empty([1, 1, 1, 1]) == cascadic(GRIDS)


def test_progressive_patches_on_restormer_s_grid_are_restormer_s_stages():
    grids = GridHierarchy((384, 384), levels=1)
    schedule = progressive_patches(grids, steps=300, batch_size=8)
    shapes = [schedule.stage_grids(stage).finest[0] for stage in schedule.stages]
    assert shapes == [128, 160, 192, 256, 320, 384]
    assert [stage.batch_sizes for stage in schedule.stages] == [
        (64,),
        (40,),
        (32,),
        (16,),
        (8,),
        (8,),
    ]
    assert schedule.lengths == (92, 64, 48, 36, 36, 24)
    of_my_own = progressive_patches(grids, steps=90, sizes=(96, 192, 384), batch_size=1)
    assert [stage.batch_sizes for stage in of_my_own.stages] == [(16,), (4,), (1,)]
    assert of_my_own.work_units == 90
    with pytest.raises(ValueError, match="one batch size for each size"):
        progressive_patches(grids, sizes=(96, 384), batch_sizes=(4, 2, 1))
    with pytest.raises(ValueError, match="cells of a square"):
        progressive_patches(GridHierarchy((64, 32), levels=1))
    with pytest.raises(ValueError, match="at most the 96×96 pixels"):
        progressive_patches(GridHierarchy((96, 96), levels=1), sizes=(48, 128))


def test_a_stage_of_a_shape_has_patches_or_resized_images_not_both():
    grids = GridHierarchy((96, 96), levels=1)
    with pytest.raises(ValueError, match=r"patches=0 to resize .* or 1 to cut"):
        Schedule(grids, (Stage(1, 0, (2,), shape=(40, 40)),), patches=0.5)


def test_progressive_resizing_grows_from_half_to_all_by_increments_of_four_pixels():
    schedule = progressive_resizing(GridHierarchy((96, 64), 3), steps=100, batch_size=2)
    shapes = [schedule.stage_grids(stage).finest for stage in schedule.stages]
    assert shapes == [(48, 32), (60, 40), (72, 48), (84, 56), (96, 64)]
    assert schedule.lengths == (50, 10, 10, 10, 20)
    pixels = [steps * h * w for steps, (h, w) in zip(schedule.lengths, shapes, strict=True)]
    assert schedule.work_units == pytest.approx(2 * sum(pixels) / (96 * 64))
    assert schedule.stages[0].finest == 1  # read from that level, not made of full images
    with pytest.raises(ValueError, match="grids of one level"):
        progressive_resizing(GridHierarchy((64, 64), 1))


@pytest.mark.parametrize(
    "stage",
    [
        Stage(1, 3, (2,), shape=(129, 128)),
        Stage(1, 3, (2,), shape=(0, 128)),
        Stage(1, 3, (4, 2), shape=(40, 40)),
    ],
)
def test_a_shape_is_of_one_level_and_no_larger(stage):
    with pytest.raises(
        ValueError, match="one batch size, and at most the 128×128 pixels of level 3"
    ):
        Schedule(GRIDS, (stage,))


def test_random_patches_take_every_level_as_often_and_the_step_decides_which():
    schedule = random_patches(GRIDS, 4000)
    levels = [schedule.at(step)[1].finest for step in range(4000)]
    assert all(abs(n - 1000) < 4 * 28 for n in Counter(levels).values())  # 4 standard deviations
    assert levels == [schedule.at(step)[1].finest for step in range(4000)]
    for step in range(50):
        _, stage = schedule.at(step)
        assert stage.batch_sizes == (16 * 4 ** (3 - stage.finest),)
        assert schedule.step_cost(stage) == 16


def test_epochs_count_the_samples_of_the_level_that_is_drawn():
    schedule = random_patches(GRIDS).with_epochs(10, 40_000)
    taken = sum(schedule.at(step)[1].batch_sizes[0] for step in range(schedule.steps))
    assert taken == pytest.approx(400_000, rel=0.05)


def test_stages_are_values_also_of_lists_as_json_has_them():
    plain = Stage(10, 1, [4, 2], alphas=[0.5])
    assert plain == Stage(10, 1, (4, 2), alphas=(0.5,))
    assert Schedule(GRIDS, (plain,)).work_units > 0
    assert Schedule(GRIDS, (Stage(10, 1, [4], shape=[24, 24]),)).work_units > 0


@pytest.mark.parametrize("make", [single, cascadic, multiscale, fullmultiscale, race, auto,
                                  growing_patches, random_patches, progressive_patches,
                                  progressive_resizing])  # fmt: skip
def test_a_size_is_no_hierarchy(make):
    with pytest.raises(TypeError, match=r"grids=\(64, 64\); needs a GridHierarchy"):
        make((64, 64))


def test_auto_s_size_has_height_and_width():
    with pytest.raises(TypeError, match=r"size=64; needs \(height, width\)"):
        auto(size=64)


@pytest.mark.parametrize("shares", [(1, 2), (0, 0, 0, 0), (1, 2, 3, -1)])
def test_shares_of_time_must_suit_the_stages(shares):
    says = "needs one positive number each"
    with pytest.raises(ValueError, match=says):
        cascadic(GRIDS).with_seconds(10.0, [0.01] * 4, shares)
    with pytest.raises(ValueError, match=says):
        cascadic(GRIDS).without_empty(shares)
    with pytest.raises(ValueError, match=says):
        Cascadic(budget="10s", shares=[float(s) for s in shares if s >= 0]).schedule(
            Problem(size=128)
        )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Schedule(GRIDS, ()), "no stages"),
        (lambda: Stage(1, 1, (8, 4), random_level=True, shape=(24, 24)), "random_level=True with"),
        (
            lambda: Schedule(GRIDS, (Stage(1, 4, (8,)),)),
            "uses levels 4 to 4; the grids have levels 0 to 3",
        ),
        (lambda: Schedule(GRIDS, (Stage(1, 1, (8, 8, 8)),)), "uses levels -1 to 1"),
        (lambda: Schedule(GRIDS, (Stage(0, 1, (8,)),)), "has 0 steps"),
        (lambda: Schedule(GRIDS, (Stage(1, 1, (4, 8)),)), "8 on level 1 but only 4"),
        (lambda: multiscale(GRIDS, batch_sizes=(8, 4)), "got 2 for 4 levels"),
        (lambda: cascadic(GRIDS, steps=(8, 4)), "got 2 for 4 stages"),
        (lambda: cascadic(GRIDS).with_steps(3), "3 steps for 4 stages"),
        (lambda: cascadic(GRIDS).with_work(10), "10 work units are too few for one step of each"),
        (lambda: cascadic(GRIDS).with_work(1000, (1, 1)), "needs one positive number each"),
        (
            lambda: Schedule(GRIDS, (Stage(1, 1, (8, 4)),), patches=0.5),
            "stage 0 sums over levels 0 to 1; patches of different sizes don't telescope",
        ),
        (lambda: replace(cascadic(GRIDS), patches=1.5), r"patches=1.5; needs a part in \[0, 1\]"),
    ],
)
def test_impossible_schedules_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
