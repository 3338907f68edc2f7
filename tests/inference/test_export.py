"""Exported models do what the model does, or are not written."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from spandrel import ModelLoader
from spandrel.architectures.NAFNet import NAFNet
from torch import nn

from telegrad.cli.main import main
from telegrad.inference import Model, export_model, restore_image
from telegrad.inference.unit_range import OnUnitRange, three_sizes
from telegrad.networks import ResNet, SRNet, WithoutTime
from telegrad.runs import Config
from telegrad.runs.component import Component
from telegrad.runs.initial_weights import start_from
from telegrad.runs.settings import Init
from telegrad.tasks import (
    Denoising,
    Objective,
    PaperDenoising,
    PaperSuperResolution,
    Physics,
    SuperResolution,
    Task,
)
from telegrad.training.checkpoint import write_checkpoint


@dataclass(frozen=True, kw_only=True)
class Mended(Task):
    """A task of images in [0, 1]."""

    name: ClassVar[str] = "mended"

    def draw(self, clean, generator):
        return {"clean": clean}

    def observe(self, draw):
        return draw["clean"]


def model(task: Task, network: nn.Module) -> Model:
    """A model whose weights are all random, so that none goes unnoticed."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Model(Config(), Objective(task), network.eval())


def denoiser() -> Model:
    torch.manual_seed(0)
    return model(PaperDenoising(t_max=0.5), ResNet(channels=8, blocks=1))


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.4])
def test_the_function_on_the_unit_range_is_what_restore_does(sigma):
    noisy = images(1, 3, 20, 26)
    there = (restore_image(denoiser(), 2 * noisy[0] - 1, 2 * sigma) + 1) / 2
    with torch.no_grad():
        here = OnUnitRange(denoiser())(noisy, torch.tensor([sigma]))
    assert torch.allclose(here[0], there, atol=1e-6)


def test_a_whole_model_takes_any_number_of_images_of_any_size_and_their_noise(tmp_path):
    file = tmp_path / "a.pt2"
    made = export_model(denoiser(), "torch", file)
    assert (made.file, made.unit, made.takes_sigma) == (file, 1, True)
    assert len({shape[2:] for shape in made.shapes}) == 3 and made.difference < 1e-5
    noisy, sigma = images(4, 3, 17, 41), torch.tensor([0.0, 0.01, 0.1, 0.3])
    with torch.no_grad():
        expected = OnUnitRange(denoiser())(noisy, sigma)
    assert torch.allclose(torch.export.load(file).module()(noisy, sigma), expected, atol=1e-5)


def test_superresolution_is_exported_with_its_enlargement(tmp_path):
    task_and_network = model(PaperSuperResolution(), SRNet(channels=4))
    assert not export_model(task_and_network, "torch", tmp_path / "a.pt2").takes_sigma
    small = images(1, 3, 15, 22)
    there = (restore_image(task_and_network, 2 * small[0] - 1) + 1) / 2
    assert there.shape == (3, 30, 44)
    assert torch.allclose(
        torch.export.load(tmp_path / "a.pt2").module()(small)[0], there, atol=1e-6
    )


class OfNoise(nn.Module):
    """A network of images and noise levels."""

    divisor = 2

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x, sigma):
        levels = sigma[:, None, None, None].expand_as(x[:, :1])
        return x + self.layer(torch.cat([x, levels], 1))


def test_noise_levels_are_kept_to_what_was_trained_on(tmp_path):
    made = export_model(model(Denoising(sigma="5..50"), OfNoise()), "torch", tmp_path / "a.pt2")
    assert made.takes_sigma and made.unit == 2
    x = images(2, 3, 16, 12)
    program = torch.export.load(tmp_path / "a.pt2").module()
    most, more = program(x, torch.full((2,), 50 / 255)), program(x, torch.full((2,), 0.9))
    assert torch.equal(most, more)
    assert not torch.equal(most, program(x, torch.full((2,), 30 / 255)))


def test_a_network_that_is_not_told_the_noise_has_images_alone(tmp_path):
    made = export_model(
        model(Denoising(), SRNet(channels=4)), "safetensors", tmp_path / "a.safetensors"
    )
    assert not made.takes_sigma


class Enlarges(nn.Sequential):
    """A network whose images come out twice as large a side."""

    divisor = 1

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))


class OfOneImage(nn.Conv2d):
    """Takes its images one by one, so that their number is part of what is traced."""

    divisor = 1

    def __init__(self) -> None:
        super().__init__(3, 3, 3, padding=1)

    def forward(self, x, second=None):
        return torch.cat([nn.Conv2d.forward(self, x[k : k + 1]) for k in range(int(x.shape[0]))])


@pytest.mark.parametrize(("to", "suffix"), [("torch", "pt2"), ("onnx", "onnx")])
def test_of_a_fixed_size_it_may_be_for_one_image_alone(to, suffix, tmp_path):
    file, task_and_network = tmp_path / f"a.{suffix}", model(Denoising(), OfOneImage())
    with pytest.raises(ValueError, match="Export it for one size"):
        export_model(task_and_network, to, file)
    made = export_model(task_and_network, to, file, size=32)
    assert made.shapes == ((1, 3, 32, 32),) * 3 and made.difference < 1e-5


@pytest.mark.parametrize("to", ["torch", "safetensors"])
def test_an_operator_larger_than_a_few_pixels_is_exported(to, tmp_path):
    arguments = {"filter": {"gaussian_blur": {"sigma": 2}}, "padding": "reflect"}
    of_blur = model(Physics(physics="Blur", arguments=arguments), SRNet(channels=4))
    suffix, size = {"torch": ("pt2", 32)}.get(to, (to, None))
    assert not export_model(of_blur, to, tmp_path / f"a.{suffix}", size=size).takes_sigma


def test_a_network_that_enlarges_gives_larger_images(tmp_path):
    export_model(model(SuperResolution(scale=2), Enlarges()), "torch", tmp_path / "a.pt2")
    assert torch.export.load(tmp_path / "a.pt2").module()(images(3, 3, 11, 30)).shape == (
        3,
        3,
        22,
        60,
    )


class PadsAndAttends(nn.Module):
    """Pads images to even sizes itself, and has attention of one head; it is told the noise."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 12, 2, stride=2)

    def forward(self, x, sigma):
        height, width = x.shape[-2:]
        h = self.down(F.pad(x, (0, width % 2, 0, height % 2)))
        tokens = h.flatten(2).mT * sigma[:, None, None]
        h = h + F.scaled_dot_product_attention(tokens, tokens, tokens).mT.reshape(h.shape)
        return F.pixel_shuffle(h, 2)[..., :height, :width]


def test_in_onnx_it_is_named_inputs_and_sizes_at_which_nothing_is_padded(tmp_path):
    file, network = tmp_path / "a.onnx", PadsAndAttends()
    made = export_model(model(Denoising(sigma="0..100"), network), "onnx", file)
    assert made.unit == 16 and made.takes_sigma and made.difference < 1e-5
    x, sigma = images(4, 3, 48, 80), torch.tensor([0.0, 0.1, 0.2, 0.3])
    with torch.no_grad():
        expected = network(x, sigma)
    session = onnxruntime.InferenceSession(file)
    (restored,) = session.run(["restored"], {"images": x.numpy(), "sigma": sigma.numpy()})
    assert torch.allclose(torch.from_numpy(restored), expected, atol=1e-5)


class Branches(nn.Module):
    """A computation that depends on the values of images."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.weight * x if x.mean() > 0.5 else x


def test_what_can_not_be_traced_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(ValueError, match="Branches can't be traced .*--size 256") as error:
        export_model(model(Mended(), Branches()), "torch", tmp_path / "a.pt2")
    assert len(str(error.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


class Keeps(nn.Module):
    """A network of fixed size only."""

    divisor = 8

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.ones(1, 3, 16, 16))

    def forward(self, x):
        return x + self.bias


def test_a_network_of_one_size_is_exported_for_that(tmp_path):
    made = export_model(model(Mended(), Keeps()), "torch", tmp_path / "a.pt2", size=16)
    assert {shape[2:] for shape in made.shapes} == {(16, 16)}
    with pytest.raises(ValueError, match="size=20; the network needs a multiple of 8"):
        export_model(model(Mended(), Keeps()), "torch", tmp_path / "b.pt2", size=20)


class Rolls(nn.Module):
    """Gives something else each time, as no file can."""

    divisor = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.weight * x + 1e-3 * torch.rand_like(x)


def test_a_file_that_differs_from_the_model_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"differs from the model by .* more than 0\.0001"):
        export_model(model(Mended(), Rolls()), "safetensors", tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_safetensors_have_the_names_of_the_networks_own_class(tmp_path):
    file = tmp_path / "deep" / "a.safetensors"
    network = SRNet(channels=4)
    made = export_model(model(Mended(), WithoutTime(network)), "safetensors", file)
    assert made.difference == 0
    again = SRNet(channels=4)
    again.load_state_dict(load_file(file))
    x = 2 * images(1, 3, 8, 8) - 1
    assert torch.equal(again(x), network(x))
    wrapped = WithoutTime(SRNet(channels=4))
    start_from(Init(path=str(file)), wrapped)
    assert torch.equal(wrapped(x), network(x))


def nafnet() -> nn.Module:
    return NAFNet(width=8, enc_blk_nums=[1], middle_blk_num=1, dec_blk_nums=[1])


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_spandrel_loads_what_is_exported_for_it(tmp_path, suffix):
    file, network = tmp_path / f"a{suffix}", nafnet()
    export_model(model(Mended(), network), "spandrel", file)
    loaded = ModelLoader().load_from_file(file)
    assert isinstance(loaded.model, NAFNet)
    x = images(1, 3, 24, 30)
    with torch.no_grad():
        assert torch.allclose(loaded(x), network(x).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: model(Mended(), SRNet(channels=4)), "spandrel does not load SRNet"),
        (lambda: model(PaperSuperResolution(), nafnet()), r"images in \[-1, 1\]"),
    ],
)
def test_what_spandrel_can_not_take_is_refused_with_the_way_out(tmp_path, made, said):
    with pytest.raises(ValueError, match=rf"{said}.* --to onnx or --to torch"):
        export_model(made(), "spandrel", tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """The file of a model, in the current directory."""
    monkeypatch.chdir(tmp_path)
    config = Config(
        network=Component.of("network", "SRNet", channels=4), task="PaperSuperResolution"
    )
    weights = SRNet(channels=4).state_dict()
    content = {"model_state_dict": weights, "configuration": config.to_dict()}
    write_checkpoint(Path("model.pt"), content)
    return Path("model.pt")


def export(*words: str) -> int:
    return main(["export", "model.pt", *words])


def test_from_the_shell(stored, capsys):
    assert export("--to", "torch", "--out", "a.pt2") == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "Exported superresolution, SRNet, to a.pt2." in said
    assert "images (n, c, h, w) in [0, 1], of any size." in said
    assert "Largest difference from the model, on 2×3×24×26, 1×3×25×24, 3×3×26×25: " in said
    assert sorted(file.name for file in Path().iterdir()) == ["a.pt2", "model.pt"]


def test_a_file_that_is_there_stays_unless_it_is_said(stored, capsys):
    Path("a.safetensors").write_text("mine")
    assert export("--to", "safetensors", "--out", "a.safetensors") == 2
    assert "a.safetensors is there already" in capsys.readouterr().err
    assert Path("a.safetensors").read_text() == "mine"
    assert export("--to", "safetensors", "--out", "a.safetensors", "--overwrite") == 0
    assert load_file("a.safetensors")
    assert main(f"export {stored} --to torch --out {stored} --overwrite".split()) == 2
    Path("model.pth").hardlink_to(stored)
    assert main(f"export {stored} --to spandrel --out model.pth --overwrite".split()) == 2
    assert "model.pth is the model itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--to onnx", "--out is missing"),
        ("--out a.onnx", "--to is missing"),
        ("--to tflite --out a.tflite", "--to=tflite"),
        ("--to onnx --out a.pt", "needs a name that ends in .onnx"),
        ("--to safetensors --out a.safetensors --size 16", "is for onnx and torch"),
        ("--to torch --out model.pt2/", "a name that ends in|is there already|not"),
        ("--to torch --out a.pt2 --size 0", "1 pixel or more"),
        ("--to torch --out a.pt2 --sise 3", "did you mean --size"),
    ],
)
def test_wrong_words_are_answered_in_one_line(stored, capsys, words, said):
    Path("model.pt2").mkdir()
    assert export(*words.split()) == 2
    err = capsys.readouterr().err
    assert re.search(said, err) and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("to", "out", "package", "extra"),
    [("onnx", "a.onnx", "onnxscript", "export"), ("spandrel", "a.pth", "spandrel", "zoo")],
)
def test_a_missing_extra_is_said_before_anything_is_read(
    tmp_path, monkeypatch, capsys, to, out, package, extra
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *of: None if name == package else find(name, *of)
    )
    assert main(["export", "no_such_model.pt", "--to", to, "--out", str(tmp_path / out)]) == 2
    said = capsys.readouterr().err
    assert f"needs {package}: pip install 'telegrad[{extra}]'" in said


def test_three_sizes_are_three_and_not_square():
    for unit in (1, 4, 16, 64, 7):
        sizes = three_sizes(unit)
        assert len({(h, w) for _, h, w in sizes}) == 3
        assert all(h != w and h % unit == w % unit == 0 and min(h, w) >= 24 for _, h, w in sizes)
    assert np.array(three_sizes(1)).max() < 32
