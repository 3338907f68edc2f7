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


def test_buffers_are_the_network_s_own_wherever_it_puts_them():
    """The average of a BatchNorm that never sees its statistics would normalize by 0 and 1."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    average = MovingAverage(network, decay=0.9).double()
    network.double()
    for _ in range(3):
        network(torch.rand(8, 3, 4, 4, dtype=torch.float64) + 2)
        network[1].running_var = network[1].running_var.clone()
        average.update_parameters()
    own = dict(average.module.named_buffers())
    assert int(own["1.num_batches_tracked"]) == 3
    for name, buffer in network.named_buffers():
        assert torch.equal(own[name], buffer)
        assert own[name] is not buffer
    assert "network" not in dict(average.named_children())
