"""The learning rate follows the work."""

import pytest
import torch

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.loading import constant_then_linear, cosine
from telegrad.schedules import auto


def optimizer(*rates: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.AdamW(groups)


def rates(of: torch.optim.Optimizer) -> list[float]:
    return [group["lr"] for group in of.param_groups]


def test_every_group_keeps_its_own_highest_rate():
    adam = optimizer(1e-3, 1e-4)
    course = WorkLR(adam, constant_then_linear(0.5))
    for progress, factor in ((0.0, 1), (0.5, 1), (0.75, 0.5), (1.0, 0)):
        course.at(progress)
        assert rates(adam) == pytest.approx([1e-3 * factor, 1e-4 * factor])


def test_it_falls_with_work_and_not_with_steps():
    """Most steps are cheap ones, so that after half of the steps little work is done."""
    schedule = auto(GridHierarchy((16, 16), 3), budget=40)
    adam = optimizer(1.0)
    course, seen = WorkLR(adam, lambda progress: 1 - progress), []
    for step in ScheduledLoader(torch.rand(4, 3, 16, 16), schedule):
        course.step(step)
        seen.append(1 - rates(adam)[0])
    work = [schedule.step_cost(stage) for _, _, stage in schedule.walk()]
    expected = torch.tensor(work).cumsum(0) / sum(work)
    torch.testing.assert_close(torch.tensor(seen), expected, atol=1e-6, rtol=0)


def test_a_warm_up_rises_from_nothing():
    adam = optimizer(1.0)
    course = WorkLR(adam, cosine(), warmup=0.1)
    assert rates(adam) == [0.0]
    course.at(0.05)
    assert rates(adam)[0] == pytest.approx(0.5 * cosine()(0.05))


def test_a_group_that_is_added_later_falls_from_its_own_rate():
    adam = optimizer(1e-3)
    course = WorkLR(adam, constant_then_linear(0.5))
    course.at(0.25)
    adam.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1e-4})
    course.at(0.75)
    assert rates(adam) == pytest.approx([0.5e-3, 0.5e-4])
    assert course.state_dict()["highest"] == [1e-3, 1e-4]


def test_a_rate_that_is_a_tensor_stays_the_one_that_compiled_steps_read():
    rate = torch.tensor(1e-3)
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=rate, capturable=True)
    course = WorkLR(adam, constant_then_linear(0.5))
    kept = adam.param_groups[0]["lr"]
    course.at(0.75)
    assert adam.param_groups[0]["lr"] is kept
    assert float(kept) == pytest.approx(0.5e-3)
    assert course.state_dict()["highest"] == pytest.approx([1e-3])


@pytest.mark.parametrize("shape", [cosine, 0.3, lambda progress: None])
def test_a_shape_that_gives_no_number_is_refused_at_once(shape):
    with pytest.raises(TypeError, match=r"such as cosine\(\)"):
        WorkLR(optimizer(1.0), shape)


def test_it_goes_on_where_it_was():
    adam = optimizer(1.0)
    course = WorkLR(adam, cosine())
    course.at(0.3)
    other = optimizer(0.3)
    again = WorkLR(other, cosine())
    again.load_state_dict(course.state_dict())
    assert rates(other) == rates(adam)
    with pytest.raises(ValueError, match="1 learning rates for 2 parameter groups"):
        WorkLR(optimizer(1.0, 2.0)).load_state_dict(course.state_dict())


@pytest.mark.parametrize("warmup", [-0.1, 1.0, "a"])
def test_a_warm_up_outside_its_range_is_refused(warmup):
    with pytest.raises(ValueError, match=r"needs a part of the work in \[0, 1\)"):
        WorkLR(optimizer(1.0), warmup=warmup)


@pytest.mark.parametrize("shape", [constant_then_linear(), cosine(0.01)])
def test_made_anew_it_begins_with_the_rates_that_the_first_one_had(shape):
    """As where a notebook's cell runs twice, or an optimizer trains again."""
    adam = optimizer(1e-3, 1e-4)
    WorkLR(adam, shape).at(1.0)
    WorkLR(adam, shape, warmup=0.1)  # which sets both to 0
    WorkLR(adam, shape)
    assert rates(adam) == pytest.approx([1e-3, 1e-4])


def test_a_rate_that_was_changed_since_is_the_highest():
    adam = optimizer(1e-3)
    WorkLR(adam).at(1.0)
    adam.param_groups[0]["lr"] = 5e-4
    WorkLR(adam)
    assert rates(adam) == pytest.approx([5e-4])


def test_what_is_no_optimizer_is_refused():
    with pytest.raises(TypeError, match="WorkLR: optimizer of type Linear; needs one of torch"):
        WorkLR(torch.nn.Linear(2, 2))
