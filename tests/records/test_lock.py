"""One process at a time works on a directory."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from telegrad.records import locked

HOLDS = """
import sys, time
from pathlib import Path
from telegrad.records import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works on the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_refused_with_the_firsts_process_and_host_until_it_is_gone(tmp_path, holder):
    for _ in range(2):
        with pytest.raises(BlockingIOError, match="works on it") as refused, locked(tmp_path):
            pass
        assert f"process {holder.pid} on {socket.gethostname()}" in str(refused.value)
    os.kill(holder.pid, signal.SIGKILL)  # it can't tidy up
    holder.wait()
    with locked(tmp_path):
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()
    assert not (tmp_path / "lock.json").exists()


def test_a_process_that_has_it_may_ask_again_by_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with locked(tmp_path), locked(tmp_path / "."):
        pass
    with locked(tmp_path):
        pass


def test_where_there_are_no_locks_it_goes_on_with_a_warning(tmp_path, monkeypatch):
    def unsupported(*_: object) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr("filelock.FileLock.acquire", unsupported)
    with pytest.warns(UserWarning, match=r"can't be locked \(no locks here\)"), locked(tmp_path):
        pass


def test_a_damaged_note_of_the_holder_does_no_harm(tmp_path, holder):
    (tmp_path / "lock.json").write_text("{")
    with pytest.raises(BlockingIOError, match="another process works on it"), locked(tmp_path):
        pass
