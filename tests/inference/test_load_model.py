"""A model from whichever of a run's files is given; strangers' files are refused."""

import json
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from describe import described
from safetensors.torch import save_file

from telegrad.inference import load_model
from telegrad.runs.running import run
from telegrad.training.checkpoint import checksum, read_checkpoint, write_checkpoint


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run with a moving average of its weights."""
    place = tmp_path_factory.mktemp("made")
    options = {
        "size": 16,
        "batch_sizes": [2],
        "steps": 4,
        "ema": 0.5,
        "images": 2,
        "validations": 1,
    }
    config = described(network="resnet", channels=8, device="cpu", out=str(place), **options)
    return run(config).files


@pytest.fixture
def files(made, tmp_path):
    """A copy of that run."""
    shutil.copytree(made.results, tmp_path / "r")
    return type(made)(tmp_path / "r", made.name)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_model(path).network.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_file_of_a_run_that_holds_the_model_gives_it(files):
    best = weights_of(files.best)
    for other in (files.weights, files.path, files.config):
        assert same(weights_of(other), best)


def test_the_last_state_gives_the_average_that_is_validated(files):
    state = read_checkpoint(files.last)
    average = {
        n.removeprefix("module."): v for n, v in state["average"].items() if n != "n_averaged"
    }
    assert same(weights_of(files.last), average)


@pytest.mark.parametrize("crop", ["x", 0, -8, 2.5, True])
def test_a_crop_that_is_no_number_of_pixels_is_refused(files, crop):
    write_checkpoint(files.best, read_checkpoint(files.best) | {"crop": crop})
    with pytest.raises(ValueError, match=f"its crop is {crop!r}, which is no number of pixels"):
        load_model(files.best)


def test_files_that_do_not_say_their_crop_have_that_of_the_run(files):
    content = read_checkpoint(files.best)
    assert content.pop("crop") == 16
    write_checkpoint(files.best, content)
    assert load_model(files.best).crop is None


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.module."])
def test_the_names_of_wrappers_are_left_out(files, prefix):
    content = read_checkpoint(files.best)
    content["model_state_dict"] = OrderedDict(
        (prefix + name, value) for name, value in content["model_state_dict"].items()
    )
    best = weights_of(files.best)
    write_checkpoint(files.best, content)
    assert same(weights_of(files.best), best)


def test_weights_of_another_width_are_named_with_the_way_out(files):
    content = read_checkpoint(files.best)
    content["configuration"]["network"]["init_args"]["channels"] = 16
    write_checkpoint(files.best, content)
    with pytest.raises(
        ValueError,
        match=r"of another width: opening\.weight is 8×3×1×1 in the file and 16×3×1×1 in the "
        r"network, .* and \d+ more\)\. Give the network that was trained: --network",
    ):
        load_model(files.best)


@pytest.mark.parametrize("wrapped", [None, "state_dict", "params_ema"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_alone_are_told_from_a_model(tmp_path, wrapped, suffix):
    file = tmp_path / f"a{suffix}"
    weights = {"body.weight": torch.zeros(3), "tail.bias": torch.zeros(2)}
    if suffix == ".safetensors":
        save_file(weights, file)
    else:
        torch.save(weights if wrapped is None else {wrapped: weights}, file)
    with pytest.raises(ValueError, match=r"weights alone \(body\.weight, tail\.bias\).*_best\.pt"):
        load_model(file)


def test_a_state_away_from_its_run_names_the_file_to_take(files, tmp_path):
    shutil.copy(files.last, tmp_path / "last.pt")
    with pytest.raises(ValueError, match=r"without its config\.yaml; give models/…_best\.pt"):
        load_model(tmp_path / "last.pt")


def test_a_run_without_a_model_says_so(files):
    files.best.unlink()
    with pytest.raises(ValueError, match="the run has no model yet"):
        load_model(files.path)
    with pytest.raises(ValueError, match="is not the directory of a run"):
        load_model(files.results)


def test_a_damaged_safetensors_file_is_refused(files):
    files.weights.write_bytes(files.weights.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged, or of another format"):
        load_model(files.weights)
    files.weights.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match="damaged, or of another format"):
        load_model(files.weights)


HUGE = [
    {"class_path": "telegrad.networks.ResNet", "init_args": {"channels": 10**6}},
    {"class_path": "telegrad.networks.ResNet", "init_args": {"blocks": 10**9}},
    {"class_path": "telegrad.networks.UNet", "init_args": {"blocks": 10**9}},
    {"class_path": "telegrad.networks.SRNet", "init_args": {"channels": 10**6}},
    {"class_path": "torch.nn.Transformer", "init_args": {"num_encoder_layers": 10**9}},
    {"class_path": "torch.nn.Linear", "init_args": {"in_features": 10**9, "out_features": 10**9}},
]


@pytest.mark.parametrize("network", HUGE, ids=lambda n: n["class_path"])
def test_a_network_of_gigabytes_is_refused_before_it_is_made(files, network):
    content = read_checkpoint(files.best)
    content["configuration"]["network"] = network
    write_checkpoint(files.best, content)
    with pytest.raises(ValueError, match="it would have|it is still being made"):
        load_model(files.best)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("network", {"class_path": "os.system", "init_args": {"command": "touch ran"}}),
        ("network", {"class_path": "../evil.Net"}),
        ("network", {"class_path": "telegrad.networks..ResNet"}),
        ("network", {"class_path": "telegrad.networks.ResNet", "init_args": {"x": {"a": [{}]}}}),
        ("task", {"class_path": "telegrad.data.Folder", "init_args": {"path": "/"}}),
        ("optimizer", {"class_path": "builtins.exec"}),
        ("loss", {"class_path": "torch.hub.load"}),
        ("strategy", {"class_path": "telegrad.schedules.Single", "init_args": {"steps": -1}}),
        ("output", {"directory": 3}),
        ("nonsense", 1),
        ("seed", "x"),
    ],
)
def test_what_a_file_names_is_of_its_kind_or_refused(files, monkeypatch, tmp_path, part, value):
    monkeypatch.chdir(tmp_path)
    content = read_checkpoint(files.best)
    content["configuration"][part] = value
    write_checkpoint(files.best, content)
    with pytest.raises(ValueError, match="checkpoint .*:"):
        load_model(files.best)
    assert not Path("ran").exists()


def test_a_hostile_configuration_in_safetensors_is_refused(files):
    for text in ("[" * 100_000, json.dumps([1]), json.dumps({"network": "os.system"}), "{"):
        save_file({"a": torch.zeros(1)}, files.weights, metadata={"configuration": text})
        with pytest.raises(ValueError, match="checkpoint .*:"):
            load_model(files.weights)


def test_a_checksum_is_of_everything(files):
    content = read_checkpoint(files.best)
    before = checksum(content)
    content["model_state_dict"]["opening.bias"][0] += 1
    assert checksum(content) != before
