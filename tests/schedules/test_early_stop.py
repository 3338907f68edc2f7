"""When a stage is left early, and what becomes of its work."""

import pytest

from telegrad.mge import GridHierarchy
from telegrad.schedules import EarlyStop, cascadic

GRIDS = GridHierarchy((64, 64), levels=3)
SCHEDULE = cascadic(GRIDS, steps=(600, 60, 30), batch_sizes=(16, 4, 1))  # 600, 60 and 30 WU


def left_after(losses, every=50, schedule=SCHEDULE):
    """Steps after which a stage is left, of a run validated every so many steps; else None."""
    early_stop = EarlyStop()
    for k, loss in enumerate(losses, 1):
        reason = early_stop.look(schedule, done=k * every, work_units=float(k * every), loss=loss)
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
    early_stop = EarlyStop()
    early_stop.look(SCHEDULE, 590, 590.0, loss=0.1)
    early_stop.look(SCHEDULE, 601, 601.0, loss=0.5)
    assert (early_stop.level, early_stop.lowest, early_stop.lowest_at) == (1, 0.5, 601.0)


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


def test_of_a_budget_of_time_no_second_is_lost():
    """Where a coarse step takes as long as a fine one, though it is less work."""
    costs = [0.5, 0.5, 1.0]
    changed = SCHEDULE.next_stage(300, costs)

    def seconds(schedule):
        return sum(n * cost for n, cost in zip(schedule.lengths, costs, strict=True))

    assert seconds(changed) == pytest.approx(seconds(SCHEDULE), abs=1.5)
    assert seconds(SCHEDULE.next_stage(300)) > seconds(SCHEDULE) + 10


def test_a_loss_that_is_no_number_does_not_leave_a_new_level_at_once():
    early_stop, nan = EarlyStop(), float("nan")
    for done in (150, 300, 450, 599):
        early_stop.look(SCHEDULE, done, float(done), nan)
    assert early_stop.look(SCHEDULE, 601, 601.0, nan) is None
    assert (early_stop.waited, early_stop.lowest_at) == (1, 601.0)


def test_the_last_stage_has_none_to_leave_it_for():
    with pytest.raises(ValueError, match="last stage can't be left"):
        SCHEDULE.next_stage(SCHEDULE.steps)


def test_a_step_belongs_to_its_stage():
    assert [SCHEDULE.at(step)[0] for step in (0, 599, 600, 659, 660, 689)] == [0, 0, 1, 1, 2, 2]
    for step in (-1, 690):
        with pytest.raises(ValueError, match=rf"no step {step}; there are 690"):
            SCHEDULE.at(step)
