"""A budget of time is kept, by timing the user's own steps."""

import copy

import pytest
import torch

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.loading.pace import FIRST
from telegrad.schedules import auto, single

GRIDS = GridHierarchy((32, 32), levels=3)
IMAGES = torch.rand(10, 1, 32, 32, generator=torch.Generator().manual_seed(0))
SECONDS = {0: 0.2, 1: 0.3, 2: 1.0}
"""Of a step of each level: coarse ones cost more than their work."""


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def train(loader, clock, *, seconds=SECONDS, until=None, every=None):
    """Takes the steps, each of which lasts as long as its level says; those taken."""
    taken = []
    for step in loader:
        clock.now += seconds(step) if callable(seconds) else seconds[step.level]
        taken.append(step)
        if every and len(taken) % every[0] == 0:
            clock.now += every[1]  # a validation
        if len(taken) == until:
            break
    return taken


def levels(steps):
    return [step.level for step in steps]


@pytest.mark.parametrize("budget", ["120s", "0.05h"])
def test_all_steps_take_the_budget_in_the_schedule_s_proportions(budget):
    clock, schedule = Clock(), auto(GRIDS, budget)
    loader = ScheduledLoader(IMAGES, schedule, clock=clock)
    steps = train(loader, clock)
    assert clock.now - 1000 == pytest.approx(schedule.seconds, rel=0.02)
    assert levels(steps[: 3 * FIRST]) == [0] * FIRST + [1] * FIRST + [2] * FIRST
    rest = levels(steps[3 * FIRST :])
    assert rest == sorted(rest)
    shares = [rest.count(level) / len(rest) for level in range(3)]
    assert shares == pytest.approx([n / schedule.steps for n in schedule.lengths], abs=0.03)
    assert steps[-1].progress == 1
    assert [s.progress for s in steps] == sorted(s.progress for s in steps)
    assert len(loader) == len(steps)


def test_steps_that_become_slower_and_validations_count():
    """The last stage is fitted again in its middle, so that only its second half is a guess."""
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "120s"), clock=clock)
    slower = lambda step: SECONDS[step.level] * (1 if step.number < 12 else 1.5)  # noqa: E731
    train(loader, clock, seconds=slower, every=(30, 2.0))
    assert clock.now - 1000 == pytest.approx(120, rel=0.06)


def test_what_passes_while_nobody_iterates_does_not_count():
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    train(loader, clock, until=30)
    clock.now += 1e6
    train(loader, clock)
    assert clock.now - 1e6 - 1000 == pytest.approx(60, rel=0.03)


def test_a_stopped_run_goes_on_with_what_is_left_of_its_budget():
    clock = Clock()
    first = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    begun = train(first, clock, until=40)
    state = copy.deepcopy(first.state_dict())
    clock.now += 5000
    second = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    second.load_state_dict(state)
    rest = train(second, clock)
    assert clock.now - 6000 == pytest.approx(60, rel=0.03)
    whole = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=(other := Clock()))
    assert levels(begun + rest) == levels(train(whole, other))
    with pytest.raises(ValueError, match="one of the schedules has a budget of time"):
        ScheduledLoader(IMAGES, auto(GRIDS, 100)).load_state_dict(state)


def test_a_stage_left_early_leaves_its_time_to_the_later_ones():
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    left = []
    for step in loader:
        clock.now += SECONDS[step.level]
        if step.number % 10 == 9:
            left.append(loader.report(1.0) and step.level)
    assert 0 in [level for level in left if level is not False]
    assert clock.now - 1000 == pytest.approx(60, rel=0.03)


def test_no_stage_is_left_for_losses_of_the_steps_that_are_timed():
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    for step in loader:
        clock.now += SECONDS[step.level]
        if step.number == 3 * FIRST:
            break
        assert not loader.report(1.0)
    assert loader.state_dict()["early_stop"] is None
    assert not loader.report(1.0)
    assert loader.state_dict()["early_stop"]["level"] == 0


def test_a_budget_that_is_too_small_is_refused_when_the_steps_have_been_timed():
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "5s"), clock=clock)
    with pytest.raises(ValueError, match="seconds of training are too few for one step of each"):
        train(loader, clock)


def test_one_level_and_the_learning_rate():
    clock, parameter = Clock(), torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    learning_rate, rates = WorkLR(optimizer), []
    one = GridHierarchy((32, 32), 1)
    for step in ScheduledLoader(IMAGES, auto(one, "20s"), clock=clock):
        clock.now += 0.1
        learning_rate.step(step)
        rates.append(optimizer.param_groups[0]["lr"])
    assert len(rates) == pytest.approx(200, abs=2)
    assert rates[100] == 1
    assert rates[-1] == 0


def test_auto_by_size_and_in_words():
    assert auto(size=(64, 64)).grids == GridHierarchy((64, 64), 3)  # 16 on the coarsest
    assert auto(size=(1024, 1024)).grids.levels == 6
    assert auto(size=(48,), levels=2).grids == GridHierarchy((48,), 2)
    assert auto(GRIDS, "500wu") == auto(GRIDS, 500)
    assert auto(GRIDS, "2h").seconds == 7200
    assert "as they fit into 7200 s" in repr(auto(GRIDS, "2h"))
    for wrong in (
        lambda: auto(),
        lambda: auto(GRIDS, size=(32, 32)),
        lambda: auto(GRIDS, levels=2),
    ):
        with pytest.raises(TypeError, match="auto: "):
            wrong()
    with pytest.raises(ValueError, match="budget='2 days'"):
        auto(GRIDS, "2 days")


def test_epochs_are_of_samples():
    schedule = auto(GRIDS, 300).with_epochs(7, len(IMAGES))
    served = sum(len(step.batch) for step in ScheduledLoader(IMAGES, schedule))
    assert served == pytest.approx(70, abs=4)
    assert single(GRIDS, batch_size=5).with_epochs(3, 10).steps == 6
    with pytest.raises(ValueError, match="0 epochs of 10 samples"):
        schedule.with_epochs(0, 10)


def test_its_length_is_known_at_the_end_of_the_budget():
    clock = Clock()
    loader = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    with pytest.raises(TypeError, match="budget of time, so that its steps are known at its end"):
        len(loader)
    steps = train(loader, clock)
    assert len(loader) == len(steps)


def test_a_run_that_is_stopped_after_each_of_the_first_steps_goes_on():
    """None of them was timed then; the budget is kept all the same."""
    clock, state = Clock(), None
    for _ in range(3 * FIRST + 1):
        loader = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
        if state is not None:
            loader.load_state_dict(state)
        train(loader, clock, until=1)
        state = loader.state_dict()
    resumed = ScheduledLoader(IMAGES, auto(GRIDS, "60s"), clock=clock)
    resumed.load_state_dict(state)
    before = clock.now
    steps = train(resumed, clock)
    assert steps[-1].progress == 1
    assert clock.now - before == pytest.approx(60, rel=0.2)
