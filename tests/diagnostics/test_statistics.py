"""Statistics of the levels against closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

from telegrad import GridHierarchy, level_statistics, restrict

GRIDS = GridHierarchy((16, 16), 3)


def test_statistics_are_those_of_the_closed_form(linear):
    problem = linear()
    statistics, k = problem.statistics(n=1500, resamples=9), problem.covariance
    assert np.array(statistics.covariance) == pytest.approx(k.numpy(), rel=0.08)
    assert statistics.correlation == pytest.approx(
        [float(k[2, a] / (k[2, 2] * k[a, a]).sqrt()) for a in range(3)], abs=0.01
    )
    assert statistics.alphas == pytest.approx(
        [float(k[a, a - 1] / k[a - 1, a - 1]) for a in (1, 2)], abs=0.03
    )
    # All means are E s, 0.2 in five places: no bias, and the levels agree.
    assert np.array(statistics.mean_products) == pytest.approx(np.full((3, 3), 0.2), rel=0.15)
    assert statistics.squared_bias == pytest.approx([0, 0, 0], abs=0.003)
    assert statistics.cosine == pytest.approx([1, 1, 1], abs=0.02)
    # A normal vector in d dimensions has the kurtosis 1 + 2/d.
    assert statistics.kurtosis == pytest.approx([1.4] * 3, abs=0.1)
    # V_l = 5 (2^(L − l))² τ² is a quarter at each finer level: β = 2; work: γ = 2.
    assert statistics.rates["beta"] == pytest.approx(2, abs=0.1)
    assert statistics.rates["gamma"] == pytest.approx(2)


def test_statistics_are_those_of_the_gradients_of_each_draw_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1))
    images = torch.rand(9, 3, 16, 16)

    def losses(x):
        return (network(x) - x).square().mean((1, 2, 3))

    statistics = level_statistics(losses, images, GRIDS, network.parameters(), timing=0)
    levels, x = [], images
    for _ in range(3):
        rows = [
            torch.autograd.grad(loss, network.parameters(), retain_graph=True) for loss in losses(x)
        ]
        levels.insert(
            0, torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
        )
        x = restrict(x)
    means, (g0, g1, g2) = [g.mean(0) for g in levels], levels
    assert statistics.variance == pytest.approx([g.var(0).sum().item() for g in levels], rel=1e-4)
    assert statistics.correction_variance() == pytest.approx(
        [x.var(0).sum().item() for x in (g0, g1 - g0, g2 - g1)], rel=1e-4
    )
    a = statistics.alphas
    assert statistics.correction_variance(a)[2] == pytest.approx(
        (g2 - a[1] * g1).var(0).sum().item(), rel=1e-4
    )
    for nearby in (0.99, 1.01):
        assert (g2 - nearby * a[1] * g1).var(0).sum() > (g2 - a[1] * g1).var(0).sum()
    # ⟨ḡ_0, ḡ_2⟩ is the unbiased product, plus what each draw has with itself.
    biased = statistics.mean_products[0][2] + statistics.covariance[0][2] / 9
    assert biased == pytest.approx((means[0] @ means[2]).item(), rel=1e-4)
    x = g1 - g0 - (g1 - g0).mean(0)
    squares = x.square().sum(1)
    assert statistics.kurtosis[1] == pytest.approx(
        (squares.square().mean() / squares.mean() ** 2).item(), rel=1e-3
    )
    # A mean, of one draw, serves as well.
    again = level_statistics(
        lambda x: losses(x).mean(), images, GRIDS, network.parameters(), timing=0
    )
    assert again.covariance == statistics.covariance


def test_progress_is_work_times_variance_at_equal_decrease(prescribed):
    """Level 0 has 0.5 of the finest mean gradient and 4 times its variance, at 1/4 of the cost."""
    torch.manual_seed(0)
    mean, n = torch.tensor([3.0, 4.0, 0.0, 0.0]), 1500
    fine, coarse = torch.randn(n, 4), 2 * torch.randn(n, 4)
    statistics = prescribed(4).statistics([mean / 2 + coarse, mean + fine], resamples=9)
    assert statistics.noise_scale == pytest.approx([16 / 6.25, 4 / 25], rel=0.1)
    assert statistics.progress(0).value == pytest.approx(0.5**2 * 4 / 4, rel=0.1)
    backwards = prescribed(4).statistics([-mean / 2 + coarse, mean + fine], resamples=9)
    assert backwards.progress(0).value == pytest.approx(-0.25, rel=0.1)
    same = prescribed(4).statistics([mean + fine, mean + fine], resamples=9)
    assert same.progress(0) == pytest.approx((4, 4, 4))
    assert same.cosine == pytest.approx((1, 1))


def test_the_interval_holds_the_true_gain_about_as_often_as_it_says(prescribed):
    generator = torch.Generator().manual_seed(0)
    a, b, n, runs = 0.4, 0.3, 48, 120
    problem, held = prescribed(12), 0
    k = 12 * torch.tensor([[1 + a * a, 1.0], [1.0, 1 + b * b]], dtype=torch.float64)
    for run in range(runs):
        common, x, y = torch.randn(3, n, 12, generator=generator)
        statistics = problem.statistics([common + a * x, common + b * y], resamples=200, seed=run)
        best = statistics.allocation("nested")
        gain = statistics.gain(best)
        assert gain.low <= gain.value <= gain.high
        held += gain.low <= float(best.gain(k, statistics.work_units)) <= gain.high
    assert 0.86 <= held / runs <= 0.995
