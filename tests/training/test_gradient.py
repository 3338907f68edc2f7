"""Norms and means of gradients, of whatever type of number."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from telegrad import Estimate
from telegrad.tasks import PaperDenoising
from telegrad.training.draws import rules_of
from telegrad.training.gradient import averaged, gradient_norm


def state_of(*gradients):
    network = nn.ParameterList(torch.zeros_like(g) for g in gradients)
    for p, g in zip(network, gradients, strict=True):
        p.grad = g.clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    return SimpleNamespace(network=network, optimizer=optimizer)


def test_the_norm_counts_both_parts_of_complex_gradients():
    state = state_of(torch.tensor([3 + 4j, 0]), torch.tensor([12.0]))
    assert gradient_norm(state).item() == pytest.approx(13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_norm_of_half_precision_is_in_full(dtype):
    state = state_of(torch.full((101,), 60_000.0, dtype=dtype))
    exact = torch.full((101,), 60_000.0, dtype=dtype).double().norm().item()
    assert gradient_norm(state).item() == pytest.approx(exact, rel=1e-5)


def test_the_mean_of_all_processes_has_both_parts_of_complex_gradients():
    """Two processes: one with these gradients, one with three times them, and a loss of 5."""
    gradients = [torch.tensor([[1 + 2j, 3 - 4j]]), torch.tensor([6.0])]
    state = state_of(*gradients)

    def mean(flat, reduce_op):
        assert not flat.is_complex() and reduce_op == "mean"
        other = 3 * flat
        other[0] = 5
        return (flat + other) / 2

    fabric = SimpleNamespace(all_reduce=mean, world_size=2)
    estimate = averaged(fabric, state, Estimate(torch.tensor(1.0), {}, 4.0))
    assert estimate.loss.item() == 3 and not estimate.loss.is_complex()
    assert estimate.work_units == 8
    for p, g in zip(state.network, gradients, strict=True):
        assert torch.equal(p.grad, 2 * g)


def test_a_task_without_noise_has_no_rule_for_it():
    """The estimator refuses rules for fields that are not there."""
    assert rules_of(PaperDenoising(), [None, {"clean": torch.zeros(1)}]) == {"clean": "averaging"}
    draw = PaperDenoising().draw(torch.zeros(1, 3, 8, 8), torch.Generator())
    assert rules_of(PaperDenoising(), [draw]) == PaperDenoising().rules
