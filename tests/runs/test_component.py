"""What a part of a run may be: classes of the kinds needed, by name, with plain arguments."""

import sys

import pytest
import torch
from torch import nn

from telegrad.cli.main import main
from telegrad.dotted import is_class
from telegrad.inference import load_model
from telegrad.networks import ResNet
from telegrad.runs.build import build_network
from telegrad.runs.component import KINDS, Component, resolve
from telegrad.runs.config import Config
from telegrad.tasks import PaperDeblurring, PaperDenoising

MODULE = """
import torch
from torch import nn

class TinyNet(nn.Module):
    def __init__(self, width=8, act=nn.ReLU):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), act(), nn.Conv2d(width, 3, 3, padding=1))
    def forward(self, x):
        return x + self.body(x)

class NoNet:
    pass

def make(width):
    return TinyNet(width)

def make_none(width):
    return 3
"""


@pytest.fixture
def my_nets(tmp_path, monkeypatch):
    """A module of a user's own in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_nets_of_test.py").write_text(MODULE)
    before = list(sys.path)
    yield "my_nets_of_test"
    sys.path[:] = before
    sys.modules.pop("my_nets_of_test", None)


@pytest.mark.parametrize("name", ["ResNet", "resnet", "RESNET", "telegrad.networks.ResNet"])
def test_our_own_go_by_short_names(name):
    assert resolve("network", name, functions=False) is ResNet


def test_optimizers_are_torch_s():
    assert resolve("optimizer", "AdamW", functions=False) is torch.optim.AdamW


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("network", "ResNte", "did you mean ResNet"),
        ("task", "denoise", "did you mean Denoising"),
        ("strategy", "ful_multiscale", "did you mean FullMultiscale"),
        ("optimizer", "AdmW", "did you mean"),
        ("loss", "Huber", "Losses: "),
        ("data", "ImageNet", "a dotted path to your own"),
    ],
)
def test_a_misspelled_name_gets_the_nearest(kind, name, says):
    with pytest.raises(ValueError, match=says):
        resolve(kind, name, functions=True)


@pytest.mark.parametrize(
    "path", ["os.system", "builtins.eval", "builtins.exec", "subprocess.Popen", "torch.optim.Adam",
             "telegrad.tasks.PaperDenoising", "builtins.dict", "torch.hub.load"],
)  # fmt: skip
def test_a_file_may_name_classes_of_the_kind_alone(path):
    with pytest.raises(ValueError, match="needs a class derived from torch.nn.Module"):
        Component.from_file("network", {"class_path": path, "init_args": {}})


@pytest.mark.parametrize("path", ["builtins.eval", "os.system", "torch.nn.Linear"])
@pytest.mark.parametrize("kind", ["task", "data", "strategy", "optimizer"])
def test_so_for_every_kind(kind, path):
    with pytest.raises(ValueError, match="needs a class derived from"):
        Component.from_file(kind, path)


@pytest.mark.parametrize(
    "content",
    [
        {"class_path": "telegrad.networks.ResNet", "init_args": {"channels": object()}},
        {"class_path": "telegrad.networks.ResNet", "init_args": [1]},
        {"class_path": "telegrad.networks.ResNet", "call": "os.system"},
        {"class_path": 3},
        {},
        7,
        {"class_path": "no_such_module_here.Net"},
        {"class_path": "telegrad.networks.ResNet.nothing"},
        {"class_path": "..x"},
    ],
)
def test_other_descriptions_are_refused(content):
    with pytest.raises(ValueError, match="network"):
        Component.from_file("network", content)


def test_nested_classes_in_a_file_are_never_made():
    nested = {"class_path": "os.system", "init_args": {"command": "true"}}
    component = Component.from_file(
        "network", {"class_path": "telegrad.networks.ResNet", "init_args": {"channels": nested}}
    )
    with pytest.raises((ValueError, TypeError)):
        component.build()


def test_a_class_of_one_s_own_beside_one(my_nets):
    component = Component.of("network", f"{my_nets}.TinyNet", width=4)
    assert component.init_args == {"width": 4}  # the other default is no plain data
    assert component.build().body[0].out_channels == 4
    again = Component.from_file("network", component.to_dict())
    assert again == component


def test_a_function_is_for_the_command_line(my_nets):
    made = Component.of("network", f"{my_nets}.make", width=4)
    assert isinstance(made.build(), nn.Module)
    with pytest.raises(ValueError, match="needs a class derived from"):
        Component.from_file("network", made.to_dict())
    with pytest.raises(ValueError, match="a int from my_nets_of_test.make_none"):
        Component.of("network", f"{my_nets}.make_none", width=4).build()


def test_what_a_module_lacks_is_named(my_nets, tmp_path):
    with pytest.raises(ValueError, match=r"my_nets_of_test has no Tiny; did you mean TinyNet\?"):
        resolve("network", f"{my_nets}.Tiny", functions=True)
    with pytest.raises(ValueError, match="not of the right kind"):
        resolve("network", f"{my_nets}.NoNet", functions=True)
    (tmp_path / "broken_of_test.py").write_text("import no_such_package_at_all\n")
    with pytest.raises(ValueError, match="no_such_package_at_all"):
        resolve("network", "broken_of_test.Net", functions=True)


def test_wrong_arguments_name_the_class(my_nets):
    with pytest.raises(ValueError, match="network ResNet.*unexpected keyword argument 'widht'"):
        Component.of("network", "ResNet", widht=3).build()
    with pytest.raises(ValueError, match="needs plain data"):
        Component.of("network", f"{my_nets}.TinyNet", act=nn.GELU)


def test_objects_of_dataclasses_are_their_arguments():
    component = Component.of("task", PaperDeblurring(sigma=2.0))
    assert component.class_path == "telegrad.tasks.PaperDeblurring"
    assert component.init_args["sigma"] == 2.0
    assert component.build() == PaperDeblurring(sigma=2.0)
    assert Component.of("task", PaperDenoising) == Component.of("task", "paper_denoising")


def test_an_object_of_unknown_arguments_says_so():
    network = ResNet(channels=4)
    component = Component.of("network", network)
    weights = component.build().state_dict()
    assert all(
        weights[name] is not w and weights[name].equal(w)
        for name, w in network.state_dict().items()
    )
    assert component.to_dict() == {"class_path": "telegrad.networks.ResNet", "init_args": None}


@pytest.mark.parametrize("kind", KINDS)
def test_every_room_offers_what_its_kind_says(kind):
    assert KINDS[kind].names()


def test_an_alias_of_a_type_is_no_class():  # which inspect.isclass says of it in Python 3.10
    assert not is_class(dict[str, int])
    assert not KINDS["task"].accepts(dict[str, int])
    assert is_class(bool, int, str) and not is_class(bool, str)


def test_an_optimizer_is_no_object_whose_weights_would_be_others():
    optimizer = torch.optim.SGD(ResNet(channels=4).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="an object of SGD, which has its weights already; needs"):
        Component.of("optimizer", optimizer)


def test_a_function_of_a_file_is_to_be_named_again(my_nets):
    function = {"class_path": f"{my_nets}.make", "init_args": {}}
    with pytest.raises(ValueError, match=rf"own, name it again: --network {my_nets}.make\."):
        Component.from_file("network", function)


OWN = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int = 4, fails: str = ""):
        super().__init__()
        if fails:
            raise {"key": KeyError, "assertion": AssertionError, "value": ValueError}[fails]("so")
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.LazyBatchNorm2d(), nn.LazyConv2d(3, 1)
        )

    def forward(self, x):
        return self.layers(x)


class Loss(nn.Module):
    def __init__(self, fails: int = 1):
        raise AssertionError("so")


class Optimizer(torch.optim.SGD):
    def __init__(self, params, lr: float = 1e-3):
        raise KeyError("so")


def compiled():
    return torch.compile(nn.Conv2d(3, 3, 3, padding=1))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "parts_that_fail.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "parts_that_fail"


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "says"),
    [
        ("network", "Net", {"width": -1}, r"network Net\(width=-1, fails=''\): RuntimeError: "),
        ("network", "Net", {"fails": "key"}, r"network Net\(.*\): KeyError: 'so'"),
        ("network", "Net", {"fails": "assertion"}, r"network Net\(.*\): AssertionError: so"),
        ("network", "Net", {"fails": "value"}, r"network Net\(.*\): so"),
        (
            "network",
            "compiled",
            {},
            "got what torch.compile returns for Conv2d; needs Conv2d itsel",
        ),
        ("loss", "Loss", {}, r"loss Loss\(fails=1\): AssertionError: so"),
        ("optimizer", "Optimizer", {}, r"optimizer Optimizer\(\): KeyError: 'so'"),
    ],
)
def test_what_fails_when_it_is_made_is_named(kind, name, arguments, says, own):
    part = Component.of(kind, f"{own}.{name}", **arguments)
    with pytest.raises(ValueError, match=says):
        if kind == "network":
            build_network(Config(network=part))
        part.build(*([[]] if kind == "optimizer" else []))


def test_pairs_of_a_file_are_checked_by_the_optimizer():
    given = {"class_path": "torch.optim.AdamW", "init_args": {"betas": [0.9]}}
    with pytest.raises(ValueError, match=r"optimizer AdamW\(betas=\[0.9\], .*: IndexError"):
        Component.from_file("optimizer", given).build([nn.Parameter(torch.zeros(1))], lr=1e-3)


def test_what_torch_compile_returns_is_refused_with_the_way_out():
    network = nn.Conv2d(3, 3, 3, padding=1)
    with pytest.raises(ValueError, match=r"needs Conv2d itself, and runtime=Runtime\(compile=True"):
        Config(network=torch.compile(network))


def test_lazy_layers_get_their_weights_from_the_seed(own):
    first, again, other = (
        build_network(Config(network=f"{own}.Net", seed=seed)) for seed in (1, 1, 2)
    )
    weights = [list(network.parameters()) for network in (first, again, other)]
    assert weights[0][-2].shape == (3, 4, 1, 1)
    assert all(map(torch.equal, weights[0], weights[1]))
    assert not torch.equal(weights[0][-2], weights[2][-2])
    assert all(parameter.requires_grad for parameter in weights[0])


def test_a_network_of_lazy_layers_is_trained_from_the_shell_and_read_again(own, tmp_path):
    small = "--size 16 --steps 2 --batch_size 2 --validation.images 2 --validation.times 1"
    words = ["train", "denoising", "--network", f"{own}.Net", *small.split(), "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "made")]) == 0
    (best,) = (tmp_path / "made").glob("models/*_best.pt")
    assert sum(p.numel() for p in load_model(best).network.parameters()) == 112 + 8 + 15
