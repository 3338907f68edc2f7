"""Weights of a file are understood whatever stands around them and before their names."""

import pytest
import torch
from torch import nn

from telegrad.networks import SRNet, WithoutTime
from telegrad.networks.weights import fit, weights_in


def network(seed=0):
    torch.manual_seed(seed)
    return SRNet(channels=4)


def prefixed(prefix, weights):
    return {prefix + name: value for name, value in weights.items()}


WRAPPED = [
    lambda w: w,
    lambda w: {"state_dict": w, "epoch": 3},
    lambda w: {"params": prefixed("other.", w), "params_ema": w},
    lambda w: {"model": {"state_dict": w}},
    lambda w: {"model_state_dict": w, "optimizer_state_dict": {"state": {}}},
    lambda w: {"network": w, "average": None},
    lambda w: {
        "network": prefixed("other.", w),
        "average": {"n_averaged": torch.tensor(3), **prefixed("module.", w)},
    },
    lambda w: {"params_ema": {}, "params": w},
]


@pytest.mark.parametrize("around", WRAPPED)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.net.", "model._orig_mod."])
def test_wrappers_around_and_before_weights_are_left_out(around, prefix):
    weights, other = network(1).state_dict(), network(2)
    found = fit(other, weights_in(around(prefixed(prefix, weights))))
    assert not found.differences
    found.put_into(other)
    assert all(torch.equal(other.state_dict()[name], weights[name]) for name in weights)


def test_an_adapter_in_the_network_stands_for_nothing_in_the_file():
    weights = network(1).state_dict()
    found = fit(WithoutTime(network(2)), weights)
    assert not found.differences
    assert list(found.taken) == [f"model.{name}" for name in weights]


def test_what_does_not_fit_is_told_apart():
    weights = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2), "b.bias": torch.zeros(1)}
    small = nn.ModuleDict({"a": nn.Linear(3, 2), "c": nn.Linear(1, 1)})
    small["a"].bias = nn.Parameter(torch.zeros(5))
    found = fit(small, prefixed("net.", weights))
    assert list(found.taken) == ["a.weight"]
    assert found.reshaped == {"a.bias": "a.bias is 2 in the file and 5 in the network"}
    assert found.missing == ["c.weight", "c.bias"]
    assert found.unused == ["net.b.bias"]
    assert found.differences == (
        "of another width: a.bias is 2 in the file and 5 in the network; missing from the file: "
        "c.weight, c.bias; not in the network: net.b.bias"
    )


def test_of_several_wrappers_the_one_is_taken_under_which_most_fits():
    weights = network(1).state_dict()
    both = prefixed("model.", {n: v[:1] for n, v in weights.items()}) | prefixed("net.", weights)
    found = fit(network(2), both)
    assert len(found.taken) == len(weights) and len(found.unused) == len(weights)


@pytest.mark.parametrize("content", [None, 3, [torch.zeros(1)], {}, {"a": 1}, {1: torch.zeros(1)}])
def test_a_file_of_other_things_has_no_weights(content):
    assert weights_in(content) == {}


def test_names_of_many_wrappers_take_no_long_time():
    deep = {"model." * 1000 + str(k): torch.zeros(1) for k in range(100)}
    assert not fit(network(), deep).taken
