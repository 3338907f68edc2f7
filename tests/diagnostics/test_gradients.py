"""Sketches keep inner products."""

import math

import pytest
import torch

from telegrad import GridHierarchy, level_statistics
from telegrad.diagnostics.gradients import Sketch, trainable

GRIDS = GridHierarchy((16, 16), 3)


def test_a_sketch_is_linear_and_keeps_inner_products():
    torch.manual_seed(0)
    shapes = [(300, 400), (80_000,)]
    tensors = [[torch.randn(shape) for shape in shapes] for _ in range(6)]
    sketch = Sketch(tensors[0], seed=3)
    rows = torch.stack([sketch(gradient) for gradient in tensors])
    whole = torch.stack([torch.cat([t.flatten() for t in gradient]) for gradient in tensors])
    assert rows.shape == (6, 2**14)
    norms = whole.norm(dim=1)
    error = (rows @ rows.T - whole @ whole.T) / norms[:, None] / norms
    assert error.abs().max() < 4 * math.sqrt(2 / 2**14)
    difference = [x - 0.7 * y for x, y in zip(tensors[0], tensors[1], strict=True)]
    assert torch.allclose(sketch(difference), rows[0] - 0.7 * rows[1], atol=1e-3)
    assert torch.equal(sketch([None, None]), torch.zeros(2**14))
    small = Sketch([torch.zeros(2, 3), torch.zeros(4)])
    assert torch.equal(small([torch.ones(2, 3), None]), torch.tensor([1.0] * 6 + [0.0] * 4))


def test_a_network_beyond_the_exact_size_has_the_same_statistics_within_the_sketch(prescribed):
    torch.manual_seed(0)
    common, x = torch.randn(2, 24, 70_000)
    exact = torch.stack([common, common + 0.3 * x])
    statistics = prescribed(70_000).statistics(list(exact))
    assert statistics.variance == pytest.approx([g.var(0).sum().item() for g in exact], rel=0.03)
    assert statistics.correction_variance()[1] == pytest.approx(
        (0.3 * x).var(0).sum().item(), rel=0.03
    )


def test_parameters_without_gradient_count_as_zeros(linear):
    problem, idle = linear(), torch.ones(7, requires_grad=True)
    fixed = torch.ones(2)
    with_idle = level_statistics(
        problem.losses, problem.draws(16), GRIDS, [idle, problem.theta, fixed],
        restriction=problem.restriction, timing=0,
    )  # fmt: skip
    assert with_idle.covariance == problem.statistics(n=16).covariance
    assert with_idle.parameters == 12


@pytest.mark.parametrize("size", [5, 70_000], ids=["exact", "sketch"])
def test_a_complex_parameter_is_two_real_ones(size):
    """θ = a + ib, with the loss Re(θ)·u + Im(θ)·v; its gradient is u + iv."""
    torch.manual_seed(0)
    real, imaginary = (torch.zeros(size, requires_grad=True) for _ in range(2))
    both = torch.zeros(size, dtype=torch.complex64, requires_grad=True)
    u, v = torch.randn(2, 8, size)
    batch = {"u": u, "v": v, "image": torch.zeros(8, 1, 16, 16)}

    def losses_of(a, b):
        return lambda x: x["u"] @ a() + 3 * x["v"] @ b()

    of_two = level_statistics(
        losses_of(lambda: real, lambda: imaginary), batch, GRIDS, [real, imaginary], timing=0
    )
    of_one = level_statistics(
        losses_of(lambda: both.real, lambda: both.imag), batch, GRIDS, [both], timing=0
    )
    exact = (u.var(0) + 9 * v.var(0)).sum().item()
    for statistics in (of_one, of_two):
        assert statistics.variance[2] == pytest.approx(exact, rel=1e-5 if size == 5 else 0.05)


def test_rows_of_complex_gradients_hold_both_parts():
    g = torch.tensor([1 + 2j, 3 - 4j])
    sketch = Sketch([g, torch.zeros(1)])
    assert sketch.length == 5
    assert sketch([g, torch.ones(1)]).tolist() == [1, 2, 3, -4, 1]
    assert sketch([g.conj(), None]).tolist() == [1, -2, 3, 4, 0]
    large = Sketch([g, torch.zeros(1)], exact=0)
    assert large.length == 2**14
    assert large([g, None]).square().sum().item() == pytest.approx(30)


def test_tied_weights_count_once():
    layer = torch.nn.Linear(2, 2)
    assert len(trainable([*layer.parameters(), *layer.parameters()])) == 2
