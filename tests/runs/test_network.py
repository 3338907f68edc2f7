"""What a task sets of a network's arguments, and the levels that suit a network."""

import sys

import pytest
import torch
from torch import nn

from telegrad.networks import ResNet
from telegrad.runs.build import build_network, build_schedule, check_sizes, problem_of
from telegrad.runs.component import Component, resolve
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.network import network_arguments
from telegrad.schedules import Auto
from telegrad.tasks import Denoising, PaperDenoising, SuperResolution

SWINIR = {
    "network": "spandrel.architectures.SwinIR.SwinIR", "network.depths": "[1]",
    "network.num_heads": "[1]", "network.embed_dim": "4", "network.window_size": "8",
    "network.upsampler": "pixelshuffledirect",
}  # fmt: skip


class Foreign(nn.Module):
    """Names its arguments in its own way, and takes a factor that is no enlarging."""

    def __init__(self, num_in_ch: int, out_nc: int = 3, upscale: int = 4, scale: float = 0.1):
        super().__init__()
        self.layer = nn.Conv2d(num_in_ch, out_nc * upscale**2, 3, padding=1)
        self.upscale, self.scale = upscale, scale

    def forward(self, x):
        return nn.functional.pixel_shuffle(self.scale * self.layer(x), self.upscale)


class Halving(nn.Module):
    """A network that doesn't say which sizes it takes."""

    def __init__(self, halvings: int = 3):
        super().__init__()
        self.down = nn.Conv2d(3, 3, 2**halvings, stride=2**halvings)
        self.factor = float(2**halvings)

    def forward(self, x):
        return nn.functional.interpolate(self.down(x), scale_factor=self.factor)


def component(kind, **arguments):
    return Component.of("network", kind, **arguments)


def test_channels_and_scale_reach_arguments_of_the_usual_names():
    foreign = component(Foreign)
    wanted = {"num_in_ch": 3, "out_nc": 3, "upscale": 1}
    assert network_arguments(foreign, compose({}).build_task()) == wanted
    assert network_arguments(foreign, PaperDenoising()) == wanted
    enlarged = {"num_in_ch": 1, "out_nc": 1, "upscale": 8}
    assert network_arguments(foreign, SuperResolution(scale=8, color="grey")) == enlarged
    config = Config(task=SuperResolution(scale=2, color="grey"), network=foreign)
    network = build_network(config)
    assert network(torch.rand(1, 1, 4, 4)).shape == (1, 1, 8, 8)
    assert network.scale == 0.1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"network.num_in_ch": 1}, r"network Foreign: num_in_ch=1, and denoising_s25 needs 3\. Leave --network\.num_in_ch out, since the task sets it, or use --color grey\."),
        ({"network.upscale": 2}, "upscale=2, and denoising_s25 needs 1.*or use the task superresolution with --scale 2"),
        ({"network.upscale": 3, "task": "superresolution"}, "upscale=3, and superresolution_x2 needs 2"),
        ({"network.out_nc": 1, "task": "paper_denoising"}, "out_nc=1, and denoising needs 3"),
    ],
)  # fmt: skip
def test_what_contradicts_the_task_is_refused_at_once(options, says):
    with pytest.raises(ValueError, match=says):
        compose({"network": Foreign, **options})


class Clocked(nn.Conv2d):
    """Its `time` is no switch."""

    def __init__(self, time: int = 4):
        super().__init__(3, 3, 3, padding=1)
        self.time = time


def test_an_argument_that_is_no_switch_is_not_taken_for_one():
    clocked = component(Clocked)
    assert network_arguments(clocked, Denoising()) == {}
    assert build_network(Config(network=clocked)).time == 4
    assert network_arguments(component(ResNet), Denoising())["time"] is False


def test_what_agrees_with_the_task_may_be_said():
    compose({"network": Foreign, "network.num_in_ch": 1, "network.upscale": 1, "color": "grey"})
    compose({"network": "PlainCNN", "network.in_channels": 1, "color": "grey"})


def test_levels_suit_what_was_found_out():
    options = {"size": 64, "strategy": Auto(budget="500wu"), "task": "paper_denoising"}
    assert build_schedule(compose({**options, "network": Halving})).grids.levels == 4
    config = compose({**options, "network": Halving, "network.halvings": 4})
    assert problem_of(config).divisor == 16
    assert build_schedule(config).grids.levels == 3
    wide = compose({**options, "network": "UNet", "network.multipliers": "[1,1,1,1,1]"})
    assert problem_of(wide).divisor == 16


def test_levels_suit_an_architecture_of_spandrel():
    options = {"size": 128, "strategy": "auto", "budget": "500wu"}
    config = compose({**options, **SWINIR, "network.upsampler": "''"})
    assert (problem_of(config).smallest, build_schedule(config).grids.levels) == (16, 4)
    enlarging = compose({**options, **SWINIR, "task": "superresolution", "scale": "4"})
    assert (problem_of(enlarging).smallest, build_schedule(enlarging).grids.levels) == (64, 2)


def test_levels_that_are_too_small_are_refused_with_a_size_that_would_do():
    config = compose({**SWINIR, "task": "superresolution", "scale": "4", "size": 64,
                      "strategy": "Cascadic", "levels": 2})  # fmt: skip
    says = r"SwinIR needs levels of at least 64×64 pixels; level 0 of 2 is 32×32\. Use fewer levels or a larger size, such as 128\."
    with pytest.raises(ValueError, match=says):
        check_sizes(config, build_network(config))
    config = compose({"network": Halving, "size": 40, "strategy": "Cascadic", "levels": 2})
    says = "Halving needs sizes divisible by 8; level 0 of 2 is 20×20.*such as 48"
    with pytest.raises(ValueError, match=says):
        check_sizes(config, build_network(config))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("spandrel.architectures.LaMa.LaMa", "denoising_s25: LaMa: its second argument is 'mask', which is not known"),
        ("deepinv.models.ArtifactRemoval", "needs backbone_net"),
        ("spandrel.architectures.NAFNet", "is a module; its networks are NAFNet"),
        ("spandrel.architectures.NAFNet.NAFNett", "did you mean NAFNet"),
    ],
)  # fmt: skip
def test_networks_that_are_called_otherwise_are_refused(path, says):
    with pytest.raises(ValueError, match=says):
        build_network(compose({"network": path}))


@pytest.mark.parametrize(("library", "extra"), [("spandrel", "zoo"), ("deepinv", "deepinv")])
def test_a_missing_extra_is_one_line_with_the_command(library, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    says = rf"^network={library}\.x\.Net: {library} is not installed; pip install 'telegrad\[{extra}\]'\.$"
    with pytest.raises(ValueError, match=says):
        resolve("network", f"{library}.x.Net", functions=False)


def test_a_class_is_named_by_the_package_that_offers_it():
    def named(path):
        return Component.of("network", path).class_path

    assert named("spandrel.architectures.ESRGAN.ESRGAN") == "spandrel.architectures.ESRGAN.ESRGAN"
    assert named("deepinv.models.drunet.DRUNet") == "deepinv.models.DRUNet"
    assert named("torch.nn.modules.linear.Identity") == "torch.nn.Identity"
