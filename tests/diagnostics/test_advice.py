"""What the statistics say to do."""

import json
import math

import pytest
import torch

from telegrad.diagnostics.gain import Allocation
from telegrad.diagnostics.progress import step_limit


def test_advice(prescribed):
    torch.manual_seed(0)
    problem, n = prescribed(40), 48
    mean, common, x, y = torch.full((40,), 0.3), *torch.randn(3, n, 40)
    coarse_first = problem.statistics([mean + common + 0.1 * x, mean + common])
    assert coarse_first.advice.startswith("Train on level 0 first: ")
    # The coarse mean gradient leads elsewhere, but its noise is the fine one's.
    coupled = problem.statistics([common + 0.1 * x, mean + common])
    assert coupled.advice.startswith("Use ") and "less work for the same variance" in coupled.advice
    strangers = problem.statistics([x, mean + y])
    assert "does not pay here" in strangers.advice
    one_level = problem.statistics([mean + common])
    assert one_level.gain(one_level.allocation()) == (1, 1, 1)
    assert "one level" in one_level.advice
    noise = problem.statistics([x, y - y.mean(0)])
    assert "don't tell the finest mean gradient from 0" in str(noise)
    json.dumps(noise.to_dict(), allow_nan=False)


def test_few_or_wild_draws_are_not_trusted(linear, prescribed):
    few = linear().statistics(n=5)
    assert "Too few draws (5)" in few.advice
    assert math.isnan(few.gain(few.allocation()).low)
    assert "Too few draws" in str(few)
    rows = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
    rows[0] *= 1000
    assert "variance on level 0 can't be trusted: kurtosis 4" in str(
        prescribed(4).statistics([rows, rows])
    )


def quiet(noise=0.1, apart=0.01, coarse_mean=1.0):
    """Gradients with little noise, which the two levels share."""
    torch.manual_seed(0)
    mean, common, x = torch.ones(40), *torch.randn(2, 48, 40)
    fine = mean + noise * common
    return [coarse_mean * mean + noise * common + apart * noise * x, fine]


def test_variance_is_not_progress(prescribed):
    """A sum that saves much variance, where one sample has hardly any noise."""
    statistics = prescribed(40).statistics(quiet())
    assert statistics.gain(statistics.allocation(budget=16)).low > 3
    assert statistics.noise_scale[-1] < 0.1
    said = statistics.advice
    assert said.startswith("Take cheap steps, coarse to fine in small batches: a work unit on lev")
    assert "variance is not progress" in said and "noise scale 0.0" in said
    assert str(statistics.progress(0, batch_size=1)) in said
    assert str(statistics.gain(statistics.allocation(budget=16))) in said
    assert str(step_limit(statistics)) in said
    # If the coarse gradient leads nowhere, the finest level's steps are the cheapest there are.
    astray = prescribed(40).statistics(quiet(coarse_mean=0.0))
    assert astray.advice.startswith("Take cheap steps on level 1, of one sample or a few: ")


def test_where_noise_limits_steps_the_sum_is_still_advised(prescribed):
    loud = prescribed(40).statistics(quiet(noise=10, coarse_mean=0.0))
    assert step_limit(loud).high > loud.gain(loud.allocation(budget=16)).low
    assert loud.advice.startswith("Use ")


def test_a_sum_that_pays_little_of_what_its_variance_promises(prescribed):
    """Var g = 2 ‖E g‖² on three levels; the coarse ones lead astray, and a small sum pays."""
    torch.manual_seed(0)
    mean, common, x = torch.ones(40), *torch.randn(2, 256, 40)
    fine, astray = mean + 1.41 * common, torch.zeros(40) + 1.41 * common + 0.005 * x
    statistics = prescribed(40).statistics([astray, astray, fine], budget=64)
    said = statistics.advice
    assert 2.5 < step_limit(statistics).value < 3.5
    assert said.startswith("Use small steps, ") and "variance is not progress" in said


def test_step_gain_by_hand(linear):
    """(m + K)/(C (m + V)) in the closed form of the moments, and its limits."""
    statistics = linear().statistics(n=64)
    k, m = statistics.covariance[-1][-1], statistics.mean_products[-1][-1]
    one = Allocation("nested", 2, (1,), ())
    assert statistics.step_gain(one) == pytest.approx((1, 1, 1))
    four = Allocation("nested", 2, (4,), ())
    assert statistics.step_gain(four).value == pytest.approx((m + k) / (4 * m + k))
    summed = Allocation("nested", 1, (4, 1), (1.0,))
    v = float(summed.variance(torch.tensor(statistics.covariance)))
    assert statistics.step_gain(summed).value == pytest.approx((m + k) / (2 * (m + v)))
    assert statistics.step_gain(summed).value < step_limit(statistics).value
    assert step_limit(statistics).value == pytest.approx(1 + statistics.noise_scale[-1])
    # Without a mean gradient only noise counts: the gain of variance.
    noise = linear(mean=0.0).statistics(n=64)
    if noise.mean_products[-1][-1] <= 0:
        assert noise.step_gain(summed).value == pytest.approx(noise.gain(summed).value)


def test_progress_in_steps_of_a_batch_size(linear):
    statistics = linear().statistics(n=64)
    cost = statistics.work_units
    for level in range(2):
        k, m = statistics.covariance, statistics.mean_products
        for n in (1, 8):
            by_hand = (
                (m[2][level] / m[2][2]) ** 2
                * (m[2][2] + k[2][2])
                / (n * cost[level] * (m[level][level] + k[level][level] / n))
            )
            assert statistics.progress(level, batch_size=n).value == pytest.approx(by_hand)
    assert statistics.progress(2, batch_size=1) == (1, 1, 1)
    four = statistics.step_gain(Allocation("nested", 2, (4,), ())).value
    assert statistics.progress(2, batch_size=4).value == pytest.approx(four)
    with pytest.raises(ValueError, match="batch_size=0"):
        statistics.progress(0, batch_size=0)
