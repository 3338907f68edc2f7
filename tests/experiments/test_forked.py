"""Processes that share one import: each with its own exit code, output, signals and chance."""

import os
import signal

import pytest

from telegrad.experiments.forked import CAN_FORK, LOST, ForkServer

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="the system can't fork what runs need")


@pytest.fixture(scope="module")
def server():
    with ForkServer({"OMP_NUM_THREADS": "1"}) as started:
        yield started


def test_copies_have_exit_codes_and_output_of_their_own(server, tmp_path):
    words = ["plan", "denoising", "--network", "nothing"]
    wrong = server.start(words, tmp_path / "wrong.txt")
    right = server.start(["--version"], tmp_path / "right.txt")
    assert (wrong.wait(), right.wait()) == (2, 0)
    assert (tmp_path / "wrong.txt").read_text().startswith("telegrad plan: network=nothing")
    assert (tmp_path / "right.txt").read_text().startswith("telegrad ")


def test_signals_reach_one_copy_and_no_other(server, tmp_path):
    words = ["train", "denoising", "--size", "16", "--network", "ResNet", "--network.channels", "8"]
    words += ["--budget", "1e6wu", "--device", "cpu"]
    one, other = (
        server.start([*words, "--out", str(tmp_path / name)], tmp_path / f"{name}.txt")
        for name in "ab"
    )
    assert one.poll() is other.poll() is None
    assert os.getsid(one.pid) == one.pid != os.getsid(0)
    one.kill()
    assert one.wait() == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    assert other.wait() == -signal.SIGKILL


def test_when_the_process_that_is_copied_is_gone_it_is_said(server, tmp_path):
    copy = server.start(["--version"], tmp_path / "a.txt")
    assert copy.wait() == 0
    server._process.kill()
    with pytest.raises(OSError, match="the process that runs are copied from has ended"):
        server.start(["--version"], tmp_path / "b.txt")
    copy.returncode = None
    server.codes.clear()
    assert copy.poll() == LOST
