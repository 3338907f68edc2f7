"""The average of the weights follows its rule, wherever the networks are moved before it begins."""

import pytest
import torch

from telegrad.training import MovingAverage


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_weighted_mean_of_all_weights_with_a_decay_that_grows(dtype):
    network = torch.nn.Linear(3, 2)
    average = MovingAverage(network, decay=0.3).to(dtype)
    network.to(dtype)
    expected = None
    for n in range(6):
        with torch.no_grad():
            network.weight.copy_(torch.full_like(network.weight, float(n**2)))
        average.update_parameters()
        part = 1 - min(0.3, (1 + n) / (10 + n))
        expected = n**2 if expected is None else expected + part * (n**2 - expected)
        assert average.module.weight.dtype == dtype
        assert average.module.weight.mean().item() == pytest.approx(expected, rel=1e-5)
    assert int(average.n_averaged) == 6
