"""Hostile files of tensors are refused before anything is allocated, walked or run."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from telegrad.files import read_tensors


class RunsCode:
    def __reduce__(self):
        return os.system, ("touch ran",)


def zipped(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def compressed(content: bytes) -> bytes:
    """The same members, packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def nested_many_times() -> list:
    value: list = [1]
    for _ in range(40):
        value = [value] * 10
    return value


def legacy(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


HOSTILE = {
    "strides of 0": (zipped(torch.zeros(1).expand(10**12)), "announce more bytes"),
    "many large views": (
        zipped({k: torch.zeros(2**16).expand(64, 2**16) for k in range(50)}),
        "announce more bytes",
    ),
    "packed members": (compressed(zipped(torch.zeros(2**22))), "announce more than the file has"),
    "lists in lists": (zipped(nested_many_times()), "stands for more than|too deep"),
    "code": (zipped(RunsCode()), "could run code"),
    "a bare pickle": (pickle.dumps(RunsCode()), "no file that torch.save"),
    "the old format": (legacy(torch.zeros(3)), "no file that torch.save"),
    "a sparse tensor": (zipped(torch.zeros(3, 3).to_sparse()), "not plain ones"),
    "nothing": (b"", "no file that torch.save"),
    "half of it": (zipped(torch.zeros(999))[:2000], "no file that torch.save"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_with_the_reason(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    content, why = HOSTILE[what]
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(ValueError, match=why):
        read_tensors(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


def test_states_are_read_as_they_were_written(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    content = {
        "network": OrderedDict(a=weight, tied=weight, half=weight.half(), empty=torch.zeros(0)),
        "stages": [{"steps": 3, "sizes": (4, 2), "alphas": None}],
        "turned": weight.T,
    }
    torch.save(content, tmp_path / "a.pt")
    read = read_tensors(tmp_path / "a.pt")
    torch.testing.assert_close(read["network"], content["network"])
    torch.testing.assert_close(read["turned"], content["turned"])
    assert read["stages"] == content["stages"]
