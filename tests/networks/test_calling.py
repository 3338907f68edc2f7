"""Any network is called with images and times, and gets what it asks for."""

import copy
import pickle

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel

from telegrad.networks import ResNet, SRNet, UNet, accept, accept_times, takes, takes_times

X, T = torch.rand(2, 3, 8, 8), torch.rand(2)


class Network(nn.Module):
    """One weight, and a record of what it was called with."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen = None


class Alone(Network):
    def forward(self, images):
        self.seen = (images,)
        return self.weight * images


class OptionalOther(Network):
    def forward(self, images, sigma=None, mask=None):
        self.seen = (images, *(value for value in (sigma, mask) if value is not None))
        return self.weight * images


class Anything(Network):
    def forward(self, *arguments):
        self.seen = arguments
        return self.weight * arguments[0]


class ImagesAndAnything(Network):
    def forward(self, images, *others, **more):
        self.seen = (images, *others)
        return self.weight * images


class KeywordTime(Network):
    def forward(self, images, *, time=None):
        self.seen = (images,) if time is None else (images, time)
        return self.weight * images


def with_second(name, default=""):
    """A class whose forward takes a second argument of this name."""
    names = {"Network": Network}
    exec(
        f"class Timed(Network):\n"
        f"    def forward(self, x, {name}{default}):\n"
        f"        self.seen = (x, {name})\n"
        f"        return self.weight * x\n",
        names,
    )
    return names["Timed"]()


ALONE = pytest.mark.parametrize(
    "kind", [Alone, OptionalOther, Anything, ImagesAndAnything, KeywordTime]
)


@ALONE
def test_those_of_images_alone_are_called_with_images(kind):
    network = kind()
    assert not takes_times(network)
    assert accept_times(network) is network
    assert torch.equal(network(X, T), X)
    assert len(network.seen) == 1
    assert torch.equal(network(X), X)


@pytest.mark.parametrize("default", ["", "=None"])
@pytest.mark.parametrize("name", ["t", "time", "times", "timestep", "timesteps"])
def test_those_of_times_are_given_them_and_stay_as_they_are(name, default):
    network = with_second(name, default)
    assert takes_times(network)
    assert accept_times(network) is network
    assert not network._forward_pre_hooks
    network(X, T)
    assert network.seen[1] is T


@pytest.mark.parametrize("network", [UNet(16), ResNet(8), ResNet(8, time=False), SRNet(8)])
def test_ours_take_times(network):
    assert takes_times(accept_times(network))
    assert not network._forward_pre_hooks


def test_a_needed_second_argument_of_no_known_name_is_refused():
    network = with_second("y")
    for call in (accept_times, takes_times):
        with pytest.raises(ValueError, match="Timed: its second argument is 'y', which is not"):
            call(network)


@pytest.mark.parametrize("name", ["sigma", "noise_level"])
def test_a_noise_level_is_given_where_a_task_has_one_and_refused_elsewhere(name):
    network = with_second(name)
    assert takes(network, "sigma") and not takes_times(network)
    assert accept(network, "sigma") is network and not network._forward_pre_hooks
    with pytest.raises(ValueError, match=r"needs a noise level .*times; wrap it: .*WithNoiseLevel"):
        accept_times(network)
    with pytest.raises(ValueError, match="task has none; use a network of images alone"):
        accept(network, None)


@pytest.mark.parametrize("condition", ["sigma", None])
def test_times_that_are_needed_can_not_be_made_of_something_else(condition):
    with pytest.raises(ValueError, match="it needs times, and the task has"):
        accept(with_second("t"), condition)


@ALONE
def test_those_of_images_alone_are_called_so_in_a_task_with_a_noise_level(kind):
    network = accept(kind(), "sigma")
    assert torch.equal(network(X, T), X) or kind is OptionalOther
    assert len(network.seen) == (2 if kind is OptionalOther else 1)


@ALONE
def test_once_is_enough_and_weights_keep_their_names(kind):
    network = kind()
    keys = list(network.state_dict())
    for _ in range(3):
        accept_times(network)
    assert len(network._forward_pre_hooks) == 1
    assert list(network.state_dict()) == keys
    kind().load_state_dict(network.state_dict())


@ALONE
def test_copies_are_called_alike(kind):
    network = accept_times(kind())
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin(X, T), X)
        assert len(twin.seen) == 1
        assert accept_times(twin) is twin
        assert len(twin._forward_pre_hooks) == 1


@pytest.mark.parametrize("kind", [Alone, OptionalOther, lambda: ResNet(8), SRNet])
def test_it_works_in_an_average_of_weights(kind):
    network = accept_times(kind())
    average = AveragedModel(network)
    average.update_parameters(network)
    assert average(X, T).shape == X.shape
    assert takes_times(average) == takes_times(network)
    torch.testing.assert_close(average(X, T), network(X, T))


@pytest.mark.parametrize("kind", [Alone, OptionalOther, lambda: ResNet(8)])
def test_it_works_as_fabric_sets_it_up(kind):
    fabric = Fabric(accelerator="cpu", devices=1)
    network = accept_times(kind())
    expected = network(X, T)
    prepared, _ = fabric.setup(network, torch.optim.SGD(network.parameters(), lr=0.1))
    assert torch.equal(prepared(X, T), expected)
    assert takes_times(prepared) == takes_times(network)
    assert accept_times(prepared) is prepared
    assert torch.equal(prepared(X, T), expected)


def test_a_wrapper_is_asked_for_what_is_in_it():
    times = accept_times(AveragedModel(ResNet(8)))
    assert times(X, T).shape == X.shape
    alone = accept_times(AveragedModel(Alone()))
    assert torch.equal(alone(X, T), X)
    assert takes_times(torch.compile(ResNet(8), backend="eager"))
    assert not takes_times(torch.compile(Alone(), backend="eager"))


def test_gradients_are_those_of_the_network_itself():
    network = accept_times(Alone())
    network(X, T).sum().backward()
    assert network.weight.grad.item() == pytest.approx(X.sum().item(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_scripted_module_is_to_be_wrapped():
    scripted = torch.jit.script(nn.Conv2d(3, 3, 1))
    with pytest.raises(ValueError, match="telegrad.networks.WithoutTime"):
        accept_times(scripted)
