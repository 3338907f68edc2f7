"""Files that are torn, altered, foreign or malicious, and disks that are full."""

import errno
import json
import os
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from telegrad.records import RunDirectory
from telegrad.training.checkpoint import (
    checksum,
    read_checkpoint,
    read_state,
    save_best,
    write_checkpoint,
    write_state,
)


@pytest.fixture
def files(tmp_path):
    files = RunDirectory(tmp_path, "run1")
    files.path.mkdir(parents=True)
    files.best.parent.mkdir()
    return files


def state(number):
    return {"number": number, "weights": {"w": torch.full((500,), float(number))}}


def write_two(files):
    for number in (1, 2):
        write_state(files.last, files.previous, state(number))


def test_what_is_written_is_read_again(files):
    content = {
        "tensors": {
            "a": torch.arange(6.0).view(2, 3),
            "b": torch.tensor(True),
            "c": torch.empty(0),
        },
        "plain": [1, 2.5, None, "text", (3, 4), float("inf")],
    }
    write_checkpoint(files.last, content)
    again = read_checkpoint(files.last)
    assert again["plain"] == content["plain"]
    assert all(torch.equal(again["tensors"][k], v) for k, v in content["tensors"].items())
    assert checksum(again) == checksum(content)
    assert [file.name for file in files.path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.ones(2, 3), "b": 2},
        {"a": torch.ones(3, 2), "b": 1},
        {"a": torch.ones(2, 3, dtype=torch.float64), "b": 1},
        {"A": torch.ones(2, 3), "b": 1},
        {"a": torch.ones(2, 3)},
        {"a": torch.ones(2, 3), "b": [1]},
    ],
    ids=str,
)
def test_the_checksum_tells_values_shapes_types_and_names_apart(other):
    content = {"a": torch.ones(2, 3), "b": 1}
    assert checksum(content) == checksum({"a": torch.ones(2, 3), "b": 1}) != checksum(other)
    strided = {"a": torch.ones(3, 2).T, "b": 1}  # as it lies in memory does not matter
    assert checksum(strided) == checksum(content)


# --- damage ---------------------------------------------------------------------------------------


def test_without_a_state_there_is_none_and_the_first_has_none_before_it(files):
    assert read_state(files.last, files.previous) is None
    write_state(files.last, files.previous, state(1))
    assert read_state(files.last, files.previous)["number"] == 1
    assert not files.previous.exists()
    write_state(files.last, files.previous, state(2))
    assert read_state(files.last, files.previous)["number"] == 2
    assert read_checkpoint(files.previous)["number"] == 1
    assert {file.name for file in files.path.iterdir()} == {"last.pt", "previous.pt"}


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        *(("torn", part) for part in (0, 0.001, 0.1, 0.5, 0.9, 0.999)),
        *(("altered", part) for part in (0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9)),
    ],
)
def test_a_damaged_state_is_noticed_and_the_one_before_it_is_used(part, damage, files):
    write_two(files)
    whole = files.last.read_bytes()
    at = int(part * len(whole))
    rest = b"" if damage == "torn" else bytes(b ^ 255 for b in whole[at:])
    files.last.write_bytes(whole[:at] + rest)
    with pytest.warns(UserWarning, match=r"went back to the state before a damaged one .*last\.pt"):
        assert read_state(files.last, files.previous)["number"] == 1
    files.previous.write_bytes(files.last.read_bytes())
    with pytest.raises(
        ValueError,
        match=r"no state can be used \(.*last\.pt: .*previous\.pt: .*or start anew with --overwrite",
    ):
        read_state(files.last, files.previous)


def test_a_single_altered_bit_of_a_weight_is_noticed(files):
    weights = torch.full((500,), 1.5)
    write_checkpoint(files.last, {"weights": weights})
    content = bytearray(files.last.read_bytes())
    content[content.index(weights.numpy().tobytes()) + 401] ^= 1
    files.last.write_bytes(content)
    with pytest.raises((ValueError, RuntimeError), match=r"checksum|crc|CRC"):
        read_checkpoint(files.last)


def test_content_that_was_changed_and_saved_again_is_noticed(files):
    write_checkpoint(files.last, state(1))
    content = torch.load(files.last, weights_only=True)
    torch.save(content | {"number": 2}, files.last)
    with pytest.raises(ValueError, match="its checksum is not that of its content"):
        read_checkpoint(files.last)


@pytest.mark.parametrize("foreign", [{"weights": torch.ones(3)}, [1, 2], torch.ones(3)], ids=str)
def test_a_file_of_another_program_is_told(foreign, files):
    torch.save(foreign, files.last)
    with pytest.raises(ValueError, match="no checksum, so another program wrote it"):
        read_checkpoint(files.last)


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a state was run')",))


@pytest.mark.parametrize("how", ["pickled", "saved"])
def test_nothing_is_unpickled(how, files):
    for file in (files.last, files.previous):
        if how == "pickled":
            file.write_bytes(pickle.dumps(Malicious(), protocol=2))
        else:
            torch.save({"weights": Malicious(), "checksum": ""}, file)
    with pytest.raises(ValueError, match="could run code|no file that torch.save"):
        read_checkpoint(files.last)
    with pytest.raises(ValueError, match="no state can be used"):
        read_state(files.last, files.previous)


# --- kills and full disks -------------------------------------------------------------------------


@pytest.mark.parametrize("instant", [1, 2, 3])
def test_a_kill_before_any_rename_leaves_a_whole_state(instant, files, monkeypatch):
    write_two(files)
    replace, calls = os.replace, []

    def dies(source, target):
        calls.append(target)
        if len(calls) == instant:  # the state aside, then last to previous, then aside to last
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as context:
        context.setattr(os, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            write_state(files.last, files.previous, state(3))
    assert read_state(files.last, files.previous)["number"] == 2
    write_state(files.last, files.previous, state(3))
    assert read_state(files.last, files.previous)["number"] == 3


@pytest.mark.parametrize("failing", ["aside", "rename"])
def test_a_state_that_cannot_be_written_leaves_the_others(failing, files, monkeypatch):
    write_two(files)
    replace = os.replace

    def denied(source, target):
        if failing == "aside" or str(target) == str(files.last):
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(source, target)

    with monkeypatch.context() as context:
        context.setattr(os, "replace", denied)
        with pytest.raises(OSError, match=r"last\.pt.* can't be written .*Permission denied"):
            write_state(files.last, files.previous, state(3))
    assert read_state(files.last, files.previous)["number"] == 2


@pytest.fixture
def network():
    return torch.nn.Conv2d(3, 4, 1)


def save(files, network, iteration, **configuration):
    facts = {"level": 3, "crop": 64, "train_loss": 1.0, "valid_loss": 0.5}
    facts["configuration"] = configuration
    adam = torch.optim.Adam(network.parameters())
    save_best(files.best, files.weights, network, adam, iteration=iteration, **facts)


def test_the_best_model_is_also_there_as_safetensors(files, network):
    save(files, network, 7, seed=1)
    best, plain = read_checkpoint(files.best), load_file(files.weights)
    assert set(best) == {
        "model_state_dict", "optimizer_state_dict", "level", "crop", "iteration",
        "train_loss", "valid_loss", "configuration",
    }  # fmt: skip
    assert set(plain) == set(best["model_state_dict"]) == {"weight", "bias"}
    assert all(torch.equal(plain[k], v) for k, v in network.state_dict().items())
    with safe_open(files.weights, "pt") as opened:
        facts = opened.metadata()
    assert facts["iteration"] == "7" and facts["crop"] == "64"
    assert json.loads(facts["configuration"]) == best["configuration"] == {"seed": 1}


def test_a_full_disk_while_saving_keeps_the_model_that_was_there(files, network, monkeypatch):
    save(files, network, 1)
    before = {path: path.read_bytes() for path in files.best.parent.iterdir()}

    def full(content, file):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"best\.pt can't be written .*No space left.* is unchanged"):
        save(files, network, 2)
    assert {path: path.read_bytes() for path in files.best.parent.iterdir()} == before
