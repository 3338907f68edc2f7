"""What is measured, and that nothing else is changed by it."""

import math
from itertools import count

import pytest
import torch
from torch import nn

from telegrad import CoupledDropout, GridHierarchy, level_statistics, restrict
from telegrad.diagnostics.measure import _gram, _moments, _resampled_counts

GRIDS = GridHierarchy((16, 16), 3)


def test_own_draws_are_consistent_exactly_if_they_follow_the_rule():
    torch.manual_seed(0)
    theta = torch.ones(3, requires_grad=True)

    def losses(x):
        return (theta * x.square().mean((2, 3))).sum(1)

    def images():
        return 0.2 * torch.rand(48, 3, 1, 1) + 0.3 * torch.randn(48, 3, 16, 16)

    def own(rule):
        middle = restrict(images(), rule)
        return [restrict(restrict(images(), rule), rule), middle, None]

    said = {}
    for rule in ("averaging", "injection"):
        statistics = level_statistics(losses, images(), GRIDS, [theta], own=own(rule), timing=0)
        said[rule] = statistics.consistency
        assert statistics.inconsistent == (() if rule == "averaging" else (0, 1))
        assert ("does not hold" in statistics.advice) is (rule == "injection")
    assert max(said["averaging"][:2]) <= 1 < min(said["injection"][:2])
    assert said["averaging"][2] is None


def test_dropout_is_coupled_and_nothing_is_touched():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 16, 1), CoupledDropout(0.5), nn.Conv2d(16, 1, 1))
    network[0].weight.grad = torch.full_like(network[0].weight, 7.0)
    images = torch.rand(12, 1, 1, 1).expand(12, 1, 16, 16).contiguous()
    parameters = [p.clone() for p in network.parameters()]
    before = torch.get_rng_state()

    def measure():
        def losses(x):
            return (network(x) - 1).square().mean((1, 2, 3))

        return level_statistics(losses, images, GRIDS, network.parameters(), timing=1)

    first = measure()
    assert torch.equal(torch.get_rng_state(), before)
    assert network.training
    assert network[0].weight.grad.eq(7).all() and network[2].weight.grad is None
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), parameters, strict=True))
    # Constant images pose the same problem on every level: only dropout could tell them apart.
    assert max(first.correction_variance()[1:]) < 1e-9 * first.variance[0]
    assert first.separable
    assert measure().covariance == first.covariance
    with torch.no_grad():
        assert measure().covariance == first.covariance

    network[1] = nn.Dropout(0.5)
    with pytest.warns(UserWarning, match="'1' .Dropout. draws new masks"):
        fresh = measure()
    assert fresh.correction_variance()[1] > 0.1 * fresh.variance[1]
    assert not fresh.separable
    assert "CoupledDropout" in str(fresh)


def test_losses_that_mix_samples_are_noticed():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
    with pytest.warns(UserWarning, match="'1' .BatchNorm2d. normalizes by the other samples"):
        statistics = level_statistics(
            lambda x: (network(x) - x).square().mean((1, 2, 3)),
            torch.rand(8, 3, 16, 16) * torch.rand(8, 1, 1, 1),
            GRIDS,
            network.parameters(),
            timing=0,
        )
    assert not statistics.separable
    assert "batch normalization" in str(statistics)


def test_levels_are_timed_by_the_clock(linear):
    ticks = count()
    statistics = linear().statistics(n=10, timing=3, clock=lambda: float(next(ticks)))
    assert statistics.seconds == pytest.approx((0.1, 0.1, 0.1))
    assert statistics.rates["gamma"] == pytest.approx(0, abs=1e-9)
    # At equal seconds a coarse sample is no cheaper: nothing is gained by it.
    assert statistics.gain(statistics.allocation(unit="seconds"), "seconds").value == pytest.approx(
        1
    )
    with pytest.raises(ValueError, match="no seconds were measured"):
        linear().statistics(n=10).costs("seconds")


def test_wrong_input_is_refused(linear):
    problem = linear()
    theta, draws = problem.theta, problem.draws(8)

    def refused(says, losses=problem.losses, batch=draws, parameters=(theta,), **options):
        with pytest.raises(ValueError, match=says):
            level_statistics(losses, batch, GRIDS, parameters, **options)

    refused("1 draw; a variance needs 2", batch=problem.draws(1))
    refused("none of the parameters requires a gradient", parameters=[torch.ones(3)])
    refused("the loss does not depend", losses=lambda b: b["image"].mean((1, 2, 3)))
    refused("the loss does not depend", parameters=[torch.ones(3, requires_grad=True)])
    refused(r"shape \(1, 5\) for one draw", losses=lambda b: theta * b["image"].mean((2, 3)))
    refused("own draws for 1 levels of 3", own=[draws])
    refused("a budget of 0.9 work units a step doesn't buy one sample", budget=0.9)
    refused("images of 8×8 where level 2", batch=restrict(draws))
    on_level_1 = lambda b: problem.losses(b) * (math.nan if b["image"].shape[-1] == 8 else 1)  # noqa: E731
    with pytest.raises(FloatingPointError, match="gradient of draw 0 on level 1 is not finite"):
        level_statistics(on_level_1, draws, GRIDS, (theta,))


def test_a_clock_too_coarse_to_tell_gives_no_seconds(linear):
    statistics = linear().statistics(n=10, timing=1, clock=lambda: 0.0)
    assert statistics.seconds is None
    assert "seconds" not in str(statistics)


def test_the_default_device_does_not_matter(linear):
    problem, draws = linear(), linear().draws(10)

    def measure():
        return level_statistics(
            problem.losses,
            draws,
            GRIDS,
            [problem.theta],
            restriction=problem.restriction,
            timing=0,
        )

    expected = measure()
    with torch.device("meta"):
        assert str(measure()) == str(expected)


def test_resamples_are_of_the_draws_and_follow_the_seed(prescribed):
    rows = torch.arange(9.0)[:, None] ** 2
    first, again, other = (prescribed(1).statistics([rows, rows], seed=s) for s in (0, 0, 1))
    assert torch.equal(first.resampled_covariance, again.resampled_covariance)
    assert not torch.equal(first.resampled_covariance, other.resampled_covariance)
    assert first.resampled_covariance.shape == first.resampled_products.shape == (400, 2, 2)
    # The mean over all resamples of Σ c_i (x_i − x̄_c)²/(n − 1) is (n − 1)/n of the variance.
    mean = first.resampled_covariance[:, 0, 0].mean().item()
    assert mean == pytest.approx(8 / 9 * rows.var().item(), rel=0.08)
    # 400 means of 9 draws: the product of two different draws has the mean x̄² − s²/n.
    product = first.resampled_products[:, 0, 0].mean().item()
    assert product == pytest.approx(first.mean_products[0][0], rel=0.15)
    few = prescribed(1).statistics([rows[:7], rows[:7]])
    assert few.resampled_covariance.shape == (0, 2, 2)


def test_resampled_moments_are_those_of_the_repeated_rows():
    generator = torch.Generator().manual_seed(0)
    levels = torch.randn(2, 9, 4, generator=generator, dtype=torch.float64)
    counts = _resampled_counts(9, 5, seed=3)
    assert counts.sum(1).tolist() == [9] * 5
    covariances, products = _moments(_gram(list(levels)), counts.double())
    for count_of, covariance, product in zip(counts, covariances, products, strict=True):
        x, y = (rows.repeat_interleave(count_of, 0) for rows in levels)
        expected = ((x - x.mean(0)) * (y - y.mean(0))).sum() / 8
        torch.testing.assert_close(covariance[0, 1], expected)
        different = [
            x_i @ y_j * c_i * c_j
            for i, (x_i, c_i) in enumerate(zip(levels[0], count_of, strict=True))
            for j, (y_j, c_j) in enumerate(zip(levels[1], count_of, strict=True))
            if i != j
        ]
        pairs = 81 - count_of.square().sum()
        torch.testing.assert_close(product[0, 1], sum(different) / pairs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_half_precision_are_averaged_in_full(dtype):
    theta, images = torch.ones((), requires_grad=True), torch.rand(100, 1, 16, 16) + 1000

    def statistics(losses):
        return level_statistics(losses, images, GRIDS, [theta], timing=0, resamples=0)

    def losses(x):
        return (theta * x.mean((1, 2, 3))).to(dtype)

    assert statistics(losses).separable
    assert statistics(lambda x: losses(x).float().mean().to(dtype)).separable
    assert not statistics(lambda x: losses(x) * (1 + 0.1 * (len(x) > 1))).separable


def test_complex_losses_are_refused():
    theta = torch.ones((), dtype=torch.complex64, requires_grad=True)
    with pytest.raises(TypeError, match="losses returned torch.complex64; needs"):
        level_statistics(
            lambda x: theta * x.mean((1, 2, 3)), torch.rand(4, 1, 16, 16), GRIDS, [theta], timing=0
        )
