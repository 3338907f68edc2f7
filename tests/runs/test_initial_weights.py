"""A run that starts from given weights."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from telegrad.cli.main import main
from telegrad.inference import load_model
from telegrad.networks import SRNet
from telegrad.runs.build import build_network
from telegrad.runs.compose import compose
from telegrad.runs.initial_weights import start_from
from telegrad.runs.settings import Init

OPTIONS = [
    *("paper_superresolution", "--network", "SRNet", "--network.channels", "4", "--size", "16"),
    *("--batch_sizes", "2", "--device", "cpu", "--validation.images", "2"),
    *("--validation.times", "1", "--learning_rate", "1e-12", "--out", "r"),
]
RUN = "r/runs/superresolution_photographs_srnet_single_run1"


def train(*options: str) -> int:
    return main(["train", *OPTIONS, "--steps", "1", *options])


def weights(channels: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    network = SRNet(channels=channels)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    return network.state_dict()


def trained() -> dict[str, torch.Tensor]:
    return load_model(RUN).network.state_dict()


def close(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.allclose(a[n], b[n], atol=1e-5) for n in a)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_run_starts_from_a_file_and_notes_its_digest(capsys):
    torch.save({"params_ema": weights()}, "given.pth")
    assert train("--init", "given.pth") == 0, capsys.readouterr().err
    assert close(trained(), weights())
    assert "Note: starts from 14 weights of given.pth" in capsys.readouterr().out
    noted = json.loads(Path(RUN, "inputs.json").read_text())["init"]
    digest = hashlib.sha256(Path("given.pth").read_bytes()).hexdigest()
    assert (noted["file"], noted["sha256"], noted["taken"]) == ("given.pth", digest, 14)
    assert noted["unused"] == noted["initial"] == []


def test_every_file_of_another_run_is_understood():
    config = compose({"task": "paper_superresolution", "network.channels": 4, "size": 16})
    torch.save({"params_ema": weights()}, "given.pth")
    assert train("--init", "given.pth") == 0
    for path in (RUN, *(str(file) for file in Path("r/models").iterdir()), f"{RUN}/last.pt"):
        network = build_network(config)
        assert start_from(Init(path=path), network).taken == 14
        assert close(network.state_dict(), trained()), path


def test_a_run_that_goes_on_needs_the_file_no_more(capsys):
    save_file(weights(), "given.safetensors")
    assert train("--init", "given.safetensors") == 0
    before = json.loads(Path(RUN, "inputs.json").read_text())["init"]
    Path("given.safetensors").unlink()
    assert main(["train", "--resume", RUN, "--steps", "2"]) == 0, capsys.readouterr().err
    assert close(trained(), weights())
    assert json.loads(Path(RUN, "inputs.json").read_text())["init"] == before
    assert main(["train", "--resume", RUN, "--steps", "3", "--init", "other.pth"]) == 2
    assert "--init can't change in a run that goes on" in capsys.readouterr().err


def test_what_does_not_fit_is_refused_or_listed(capsys):
    given = weights()
    changed = {**given, "extra.bias": torch.zeros(3), "hidden.0.bias": torch.zeros(9)}
    del changed["closing.bias"]
    save_file(changed, "given.safetensors")
    assert train("--init", "given.safetensors") == 2
    said = capsys.readouterr().err
    for part in (
        "init=given.safetensors: its weights are not those of SRNet",
        "of another width: hidden.0.bias is 9 in the file and 4 in the network",
        "missing from the file: closing.bias",
        "not in the network: extra.bias",
        "--init.strict false",
    ):
        assert part in said
    assert not Path(RUN).exists()

    assert train("--init", "given.safetensors", "--init.strict", "false") == 0
    said = capsys.readouterr().out
    assert "not used of it, 2: extra.bias, hidden.0.bias is 9" in said
    assert "at their initial values, 2: closing.bias, hidden.0.bias" in said
    noted = json.loads(Path(RUN, "inputs.json").read_text())["init"]
    assert noted["taken"] == 12 and len(noted["unused"]) == len(noted["initial"]) == 2
    after = trained()
    assert torch.allclose(after["hidden.1.weight"], given["hidden.1.weight"])
    assert not torch.allclose(after["hidden.0.bias"], given["hidden.0.bias"])


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def write(name: str) -> str:
    """A file that can't be used."""
    if name == "pickled.pth":
        torch.save({"state_dict": weights(), "args": Evil()}, name)
    elif name == "bare.pt":
        Path(name).write_bytes(pickle.dumps(Evil()))
    elif name == "numbers.pt":
        torch.save({"epoch": 3}, name)
    elif name == "other.pth":
        torch.save({"a.weight": torch.zeros(3)}, name)
    elif name == "torn.safetensors":
        save_file(weights(), name)
        Path(name).write_bytes(Path(name).read_bytes()[:-9])
    elif name == "empty_run":
        Path(name, "runs", "a").mkdir(parents=True)
        return f"{name}/runs/a"
    return name


REFUSED = {
    "nothing.pth": "no such file",
    "pickled.pth": "no weights that can be read safely .* holds more than tensors",
    "bare.pt": "no weights that can be read safely",
    "numbers.pt": "there are no tensors by name in it",
    "other.pth": r"none of its weights \(a.weight\) fits SRNet \(hidden.0.weight, ",
    "torn.safetensors": "no weights that can be read safely .* damaged",
    "empty_run": "the run has no model yet",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_weights_is_refused_and_nothing_of_it_runs(name):
    torch.manual_seed(0)
    network = SRNet(channels=4)
    before = {n: value.clone() for n, value in network.state_dict().items()}
    with pytest.raises((ValueError, FileNotFoundError), match=REFUSED[name]) as error:
        start_from(Init(path=write(name), strict=False), network)
    assert len(str(error.value).splitlines()) == 1
    assert close(network.state_dict(), before) and not Path("ran").exists()


def test_strictness_without_weights_is_a_slip():
    with pytest.raises(ValueError, match="--init FILE"):
        Init(strict=False)


def test_weights_of_a_run_go_into_safetensors_and_back():
    save_file(weights(), "given.safetensors")
    network = SRNet(channels=4)
    start_from(Init(path="given.safetensors"), network)
    assert close(network.state_dict(), load_file("given.safetensors"))
