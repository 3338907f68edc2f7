"""Layers that break the sum over levels are named, once."""

import copy
import gc
import pickle
import warnings
import weakref
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import nn

from telegrad import (
    CoupledDropout,
    GridHierarchy,
    freeze_batch_norm,
    level_statistics,
    multiscale_backward,
)
from telegrad.mge import mixing_layers
from telegrad.mge.mixing import not_yet_said, sentences

GRIDS = GridHierarchy((8, 8), 2)
IMAGES = torch.rand(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))


class DropPath(nn.Module):
    """As in timm."""

    def __init__(self, drop_prob=None):
        super().__init__()
        self.drop_prob = drop_prob


class StochasticDepth(nn.Module):
    """As in torchvision."""

    def __init__(self, p, mode="row"):
        super().__init__()
        self.p, self.mode = p, mode


class Derived(nn.BatchNorm2d):
    pass


MIXING = {
    "BatchNorm1d": nn.BatchNorm1d(4),
    "BatchNorm2d": nn.BatchNorm2d(4),
    "BatchNorm3d": nn.BatchNorm3d(4),
    "SyncBatchNorm": nn.SyncBatchNorm(4),
    "Derived": Derived(4),
    "InstanceNorm2d": nn.InstanceNorm2d(4, track_running_stats=True),
    "Dropout": nn.Dropout(0.5),
    "Dropout1d": nn.Dropout1d(),
    "Dropout2d": nn.Dropout2d(),
    "Dropout3d": nn.Dropout3d(),
    "AlphaDropout": nn.AlphaDropout(),
    "FeatureAlphaDropout": nn.FeatureAlphaDropout(),
    "DropPath": DropPath(0.1),
    "StochasticDepth": StochasticDepth(0.1),
    "RReLU": nn.RReLU(),
    "MultiheadAttention": nn.MultiheadAttention(4, 1, dropout=0.1),
    "LSTM": nn.LSTM(4, 4, num_layers=2, dropout=0.1),
    "FractionalMaxPool2d": nn.FractionalMaxPool2d(2, output_ratio=0.5),
    "ParametrizedConv2d with spectral_norm": nn.utils.parametrizations.spectral_norm(
        nn.Conv2d(4, 4, 1)
    ),
}
HARMLESS = [
    nn.GroupNorm(2, 4),
    nn.LayerNorm(4),
    nn.InstanceNorm2d(4),
    nn.BatchNorm2d(4).eval(),
    freeze_batch_norm(nn.BatchNorm2d(4)).train(),
    nn.Dropout(0.0),
    nn.Dropout(0.5).eval(),
    CoupledDropout(0.5),
    DropPath(0.0),
    DropPath(None),
    StochasticDepth(0.0),
    nn.RReLU(0.2, 0.2),
    nn.MultiheadAttention(4, 1),
    nn.LSTM(4, 4, dropout=0.0),
    nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1)),
    nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)).eval(),
]


@pytest.mark.parametrize("kind", MIXING)
def test_each_kind_is_named_with_its_class_and_a_way_out(kind):
    network = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ModuleDict({"body": MIXING[kind]}))
    (layer,) = mixing_layers(network)
    assert (layer.name, layer.kind) == ("1.body", kind)
    assert f"'1.body' ({kind}) " in str(layer) and layer.way_out.endswith(".")
    if kind != "FractionalMaxPool2d":  # which is random in both modes
        assert mixing_layers(network.eval()) == ()
        network.train()


def test_the_old_spectral_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch deprecate it
        layer = nn.utils.spectral_norm(nn.Conv2d(4, 4, 1))
    assert [found.kind for found in mixing_layers(layer)] == ["Conv2d with spectral_norm"]
    assert mixing_layers(layer.eval()) == ()


@pytest.mark.parametrize("layer", HARMLESS, ids=lambda layer: type(layer).__name__)
def test_what_treats_each_sample_alike_on_all_levels_is_not_named(layer):
    assert mixing_layers(layer) == ()


def test_batch_norm_without_running_statistics_mixes_in_evaluation_too():
    assert mixing_layers(nn.BatchNorm2d(4, track_running_stats=False).eval())


def network_with(layer):
    return nn.Sequential(nn.Conv2d(4, 4, 1), layer)


def step(losses, grids=GRIDS):
    multiscale_backward(
        losses, IMAGES, grids, (4, 2)[-grids.levels :] if grids.levels > 1 else (4,)
    )


def losses_of(network):
    return lambda x: network(x).square().mean((1, 2, 3))


class Trainer:
    def __init__(self, network):
        self.parts = {"network": network}
        self.network = network

    @property
    def model(self):
        return self.network

    def output(self, x):
        return self.network(x)

    def losses(self, x):
        return self.output(x).square().mean((1, 2, 3))

    def through_a_property(self, x):
        return self.model(x).square().mean((1, 2, 3))

    def through_a_dictionary(self, x):
        return self.parts["network"](x).square().mean((1, 2, 3))

    __call__ = losses


@dataclass
class State:
    network: nn.Module


class Losses(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return losses_of(self.network)(x)


def of_two(network, x):
    return losses_of(network)(x)


def by_default(network):
    def losses(x, network=network):
        return network(x).square().mean((1, 2, 3))

    return losses


def in_a_closure_of_a_closure(network):
    output = losses_of(network)
    return lambda x: next(output(part) for part in [x])


def of_an_attribute(network):
    state = State(network)
    return lambda x: state.network(x).square().mean((1, 2, 3))


def of_a_trainer(network):
    trainer = Trainer(network)
    return lambda x: trainer.losses(x)


GLOBAL = None


def through_a_global(x):
    return losses_of(GLOBAL)(x)


def of_the_global(network):
    global GLOBAL
    GLOBAL = network
    return lambda x: through_a_global(x)


WAYS = {
    "closure": losses_of,
    "module": Losses,
    "method of a module": lambda network: Losses(network).forward,
    "partial": lambda network: partial(of_two, network),
    "partial by keyword": lambda network: partial(lambda x, net: of_two(net, x), net=network),
    "bound method": lambda network: Trainer(network).losses,
    "property": lambda network: Trainer(network).through_a_property,
    "dictionary": lambda network: Trainer(network).through_a_dictionary,
    "callable object": Trainer,
    "default": by_default,
    "closure of a closure": in_a_closure_of_a_closure,
    "attribute": of_an_attribute,
    "trainer": of_a_trainer,
    "global": of_the_global,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_network_is_found_and_named_once(way):
    network = network_with(nn.BatchNorm2d(4))
    losses = WAYS[way](network)
    with pytest.warns(
        UserWarning, match=r"multiscale_backward: '(network\.)?1' \(BatchNorm2d\)"
    ) as said:
        step(losses)
    assert len(said) == 1 and "freeze_batch_norm" in str(said[0].message)
    assert said[0].filename == __file__
    step(losses)  # an error if it were said again
    step(losses_of(network))
    statistics(network)


def statistics(network, grids=GRIDS):
    return level_statistics(losses_of(network), IMAGES, grids, network.parameters(), timing=0)


def test_level_statistics_says_it_too():
    network = network_with(nn.Dropout(0.5))
    with pytest.warns(
        UserWarning, match=r"level_statistics: '1' \(Dropout\) .*CoupledDropout"
    ) as said:
        statistics(network)
    assert len(said) == 1 and said[0].filename == __file__
    step(losses_of(network))
    network[1] = nn.Dropout2d(0.5)
    with pytest.warns(UserWarning, match=r"'1' \(Dropout2d\)"):
        statistics(network)


@pytest.mark.parametrize(
    "layer", [nn.GroupNorm(2, 4), CoupledDropout(0.5), nn.BatchNorm2d(4).eval()]
)
def test_nothing_is_said_of_layers_that_suit(layer):
    step(losses_of(network_with(layer)))
    statistics(network_with(layer))


def test_with_one_level_nothing_is_said():
    one = GridHierarchy((8, 8), 1)
    network = network_with(nn.BatchNorm2d(4))
    step(losses_of(network), one)
    statistics(network, one)


def test_a_layer_that_begins_to_train_later_is_still_named():
    network = network_with(nn.BatchNorm2d(4))
    network[1].eval()
    step(losses_of(network))
    network.train()
    with pytest.warns(UserWarning, match="BatchNorm2d"):
        step(losses_of(network))


def test_who_says_it_himself_is_not_told_again():
    network = network_with(nn.BatchNorm2d(4))
    assert sentences(not_yet_said(network)).startswith("'1' (BatchNorm2d)")
    step(losses_of(network))


def test_a_network_is_not_kept_alive():
    network = network_with(nn.BatchNorm2d(4))
    with pytest.warns(UserWarning):
        step(losses_of(network))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None


def test_a_frozen_batch_norm_stays_frozen_and_trains_its_weights():
    torch.manual_seed(0)
    network = network_with(nn.BatchNorm2d(4))
    for _ in range(3):
        network(torch.randn(8, 4, 8, 8) + 1)
    buffers = copy.deepcopy(dict(network.named_buffers()))
    assert freeze_batch_norm(network) is network
    for frozen in (network, copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert frozen.train().training and not frozen[1].training
        step(losses_of(frozen))
        assert frozen[1].weight.grad.abs().sum() > 0
        assert all(torch.equal(buffers[name], b) for name, b in frozen.named_buffers())
        torch.testing.assert_close(frozen(IMAGES)[:1], frozen(IMAGES[:1]))
    assert list(network.state_dict()) == list(network_with(nn.BatchNorm2d(4)).state_dict())


def test_a_network_with_frozen_batch_norm_has_the_gradient_of_the_formula():
    network = freeze_batch_norm(network_with(nn.BatchNorm2d(4))).train()
    losses_of(network)(IMAGES).mean().backward()
    plain = network[1].weight.grad.clone()
    network.zero_grad()
    multiscale_backward(losses_of(network), IMAGES, GRIDS, (4, 4))
    torch.testing.assert_close(network[1].weight.grad, plain)
