"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from telegrad.atomic import check_room, write_whole


def full_disk(file):
    file.write(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_disk_as_torch_says_it(file):
    file.write(b"half")
    raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")


def interrupted(file):
    file.write(b"half")
    raise KeyboardInterrupt


def mistaken(file):
    file.write(b"half")
    raise TypeError("can't be encoded")


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("σ = 25\n", "σ = 25\n".encode()),
        (b"\0\xff", b"\0\xff"),
        (lambda file: file.write(b"abc"), b"abc"),
        ("", b""),
    ],
)
@pytest.mark.parametrize("before", [None, "much more text than comes after it"])
def test_a_file_holds_what_was_written_and_nothing_else(content, written, before, tmp_path):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before)
    write_whole(path, content)
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("content", [full_disk, full_disk_as_torch_says_it])
def test_on_a_full_disk_the_old_file_stays_and_the_error_says_what_to_do(content, before, tmp_path):
    path = tmp_path / "a.pt"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(
        OSError, match=r"a\.pt can't be written \(.*No space left on device\); free some space"
    ):
        write_whole(path, content)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == ({path: before} if before else {})


@pytest.mark.parametrize(("content", "error"), [
    (interrupted, KeyboardInterrupt),
    (mistaken, TypeError),
    ("\ud800", UnicodeEncodeError),
    (3, TypeError),
])  # fmt: skip
def test_whatever_goes_wrong_the_old_file_stays_and_nothing_is_left(content, error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_whole(path, content)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == {path: b"old"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_at_the_very_end_leaves_the_old_file_too(call, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="What was there before is unchanged"):
        write_whole(path, "new")
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == {path: b"old"}


def test_until_it_is_whole_the_old_file_can_be_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    read = []

    def write(file):
        file.write(b"new")
        file.flush()
        read.append(path.read_bytes())

    write_whole(path, write)
    assert (read, path.read_bytes()) == ([b"old"], b"new")


def test_what_a_killed_process_left_aside_is_no_hindrance(tmp_path):
    (tmp_path / "a.txt.part").write_bytes(b"half of an earlier one, and longer")
    write_whole(tmp_path / "a.txt", "new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "new"}


def test_a_place_where_nothing_can_lie_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    for path in (
        tmp_path / "missing/a.txt",
        tmp_path / "file/a.txt",
        tmp_path / "directory",
        tmp_path / ("a" * 300),
    ):
        with pytest.raises(OSError, match=f"{path.name} can't be written"):
            write_whole(path, "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["directory", "file"]


def test_room_is_looked_for_and_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for there in (tmp_path, tmp_path / "a/b/c", Path("a/b"), Path()):
        check_room(there, "out")
    assert not list(tmp_path.iterdir())
    Path("taken").write_text("mine")
    nowhere = [Path("taken"), tmp_path / "taken/a/b"]
    nowhere += [Path("/proc/x")] if Path("/proc/self").exists() else []
    for there in nowhere:
        with pytest.raises(OSError, match=f"{there} can't be written .* another with --out"):
            check_room(there, "out")
