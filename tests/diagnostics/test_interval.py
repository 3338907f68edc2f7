import math

import numpy as np
import pytest
import torch

from telegrad.diagnostics.interval import Interval, bootstrap_interval


@pytest.mark.parametrize("n", [1, 2, 39, 40, 41, 200, 400])
def test_bounds_are_those_of_the_inverted_distribution(n):
    values = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    low, high = np.quantile(values.numpy(), (0.025, 0.975), method="inverted_cdf")
    assert bootstrap_interval(0.5, values) == (0.5, low, high)


def test_infinite_resamples_leave_the_other_bound_as_it_is():
    values = torch.tensor([1.0, 2.0, 3.0, math.inf])
    assert bootstrap_interval(2.0, values) == (2.0, 1.0, math.inf)
    assert str(bootstrap_interval(2.0, values)) == "2.00× (1.00–∞)"


def test_no_resamples_no_bounds():
    interval = bootstrap_interval(2.0, torch.empty(0))
    assert math.isnan(interval.low) and math.isnan(interval.high)
    assert str(interval) == "2.00×"
    assert str(Interval(2.0, -math.inf, 3.0)) == "unknown"
