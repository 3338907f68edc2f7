"""Passes made in parts: the same gradient, in less memory."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from telegrad.mge import CoupledDropout, GridHierarchy, multiscale_backward
from telegrad.mge.passes import LevelPass, number_of_passes, portions

GRIDS = GridHierarchy((16, 16), levels=3)
CASES = [
    ("nested", (8, 4, 1), None),
    ("nested", (5, 5, 2), (0.7, 0.9)),
    ("independent", (6, 3, 1), None),
    ("independent", (5, 2, 2), (0.5, 0.8)),
]


def network(dropout=0.0):
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 6, 3, padding=1), CoupledDropout(dropout), nn.Conv2d(6, 3, 1))
    return nn.Sequential(*layers).double()


def estimate(sizes, form, alphas, accumulate, dropout=0.0, **more):
    """The estimate, its gradient, and the sizes of the passes in their order."""
    net, passes = network(dropout), []
    number = sizes[0] if form == "nested" else sum(sizes)
    images = torch.rand(number, 3, 16, 16, generator=torch.Generator().manual_seed(1)).double()

    def losses(images):
        passes.append(len(images))
        return (net(images) - images).square().mean((1, 2, 3))

    torch.manual_seed(2)
    made = multiscale_backward(
        losses, images, GRIDS, sizes, form=form, alphas=alphas, accumulate=accumulate, **more
    )
    return made, torch.cat([p.grad.flatten() for p in net.parameters()]), passes


@pytest.mark.parametrize("accumulate", [2, 3, 100])
@pytest.mark.parametrize(("form", "sizes", "alphas"), CASES)
def test_the_gradient_and_the_losses_are_those_of_one_pass(form, sizes, alphas, accumulate):
    whole, exact, _ = estimate(sizes, form, alphas, 1, dropout=0.5)
    made, gradient, passes = estimate(sizes, form, alphas, accumulate, dropout=0.5)
    torch.testing.assert_close(gradient, exact)
    torch.testing.assert_close(made.loss, whole.loss)
    assert made.work_units == pytest.approx(whole.work_units)
    for level, values in whole.losses.items():
        torch.testing.assert_close(made.losses[level], values)
    assert max(passes) == -(-sizes[0] // accumulate) or accumulate > sizes[0]


@pytest.mark.parametrize("accumulate", [1, 2, 7])
@pytest.mark.parametrize(("form", "sizes", "alphas"), CASES)
def test_processes_exchange_gradients_after_the_last_part_only(form, sizes, alphas, accumulate):
    alone = []

    @contextmanager
    def no_sync():
        alone.append(1)
        yield

    *_, passes = estimate(sizes, form, alphas, accumulate, no_sync=no_sync)
    assert len(alone) == len(passes) - 1
    assert len(passes) == number_of_passes(sizes, form, accumulate)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 9])
def test_parts_are_equal_as_far_as_they_can_be_and_keep_order_and_weights(number):
    whole = LevelPass(1, 3, torch.arange(7), ((5, 0.1), (2, 0.4)))
    parts = list(portions(whole, number))
    sizes = [len(part.batch) for part in parts]
    assert len(sizes) == min(number, 7) and max(sizes) - min(sizes) <= 1
    assert torch.equal(torch.cat([part.batch for part in parts]), whole.batch)
    assert [part.first for part in parts] == [3 + sum(sizes[:k]) for k in range(len(sizes))]
    weights = [w for part in parts for n, w in part.weights for _ in range(n)]
    assert weights == [0.1] * 5 + [0.4] * 2


@pytest.mark.parametrize("accumulate", [0, -1, 1.5, "2", None])
def test_other_numbers_are_refused(accumulate):
    with pytest.raises(ValueError, match=r"multiscale_backward: accumulate=.*whole number from 1"):
        estimate((4, 2, 1), "nested", None, accumulate)
