"""Processes of `python -m telegrad …`, forked from one that has imported what they need.

Importing torch and what is built on it takes several seconds, which a run of a few seconds would
spend again. Here one process imports it once, computes nothing, and is copied for every run; each
copy has memory, threads and random numbers of its own, as if it had been started by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import runpy
import select
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

IMPORTED = ("telegrad.cli.train", "telegrad.cli.summary", "telegrad.runs.running")
"""What a run imports; by name, since some of it lies above."""

CAN_FORK = sys.platform == "linux"
"""Elsewhere systems lack it, or their libraries don't survive it."""

LOST = -1
"""Exit code of a process whose own can't be known, since its parent is gone."""


@dataclass
class Forked:
    """A process that was forked; what is asked of it is that of `subprocess.Popen`."""

    pid: int
    server: ForkServer
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        if self.returncode is None:
            self.server.listen(0.0)
            self.returncode = self.server.codes.get(self.pid)
            if self.returncode is None and self.server.ended and not psutil.pid_exists(self.pid):
                self.returncode = LOST
        return self.returncode

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        while (code := self.poll()) is None:
            self.server.listen(0.2)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that is copied. It ends when this is left (`with`); its copies do not.

    Args:
        environment: of the processes, such as their number of threads.

    Attributes:
        codes: exit codes of copies that have ended.
        ended: whether the process is gone.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.codes: dict[int, int] = {}
        self.ended = False
        self._started: list[int] = []
        self._text = b""
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C reaches us, and we stop the runs
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asks, self._says = self._process.stdin, self._process.stdout

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._asks.close()
        self._says.close()
        self._process.wait()

    def start(self, words: Sequence[str], output: Path) -> Forked:
        """`python -m telegrad WORDS`, in a session of its own, whose output goes to a file.

        Raises:
            OSError: if the process that is copied has ended.
        """
        asked = json.dumps({"words": list(words), "output": str(output.absolute())})
        with suppress(OSError):  # then it has ended
            self._asks.write(f"{asked}\n".encode())
            self._asks.flush()
        while not self._started and not self.ended:
            self.listen(1.0)
        if not self._started:
            raise OSError(
                f"{output.parent}: the process that runs are copied from has ended, as it said "
                f"above; give the same command again, which goes on."
            )
        return Forked(self._started.pop(), self)

    def listen(self, seconds: float) -> None:
        """To what it says of its copies, waiting so long for it."""
        if self.ended or not select.select([self._says], [], [], seconds)[0]:
            return
        part = os.read(self._says.fileno(), 2**16)
        self.ended = not part
        *lines, self._text = (self._text + part).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "code" in said:
                self.codes[said["pid"]] = said["code"]
            else:
                self._started.append(said["pid"])


def main() -> None:
    """The process that is copied; a copy goes on as `python -m telegrad`."""
    words = _serve()
    if words is not None:
        sys.argv[1:] = words
        runpy.run_module("telegrad", run_name="__main__", alter_sys=True)


def _serve() -> list[str] | None:
    """A copy for every line that it reads; and what becomes of each is written.

    Returns:
        in a copy, the words of its command line; None in the first process, at its end.
    """
    asked, says = sys.stdin.fileno(), os.dup(1)
    os.dup2(2, 1)  # what is printed meanwhile goes elsewhere
    for name in IMPORTED:
        importlib.import_module(name)
    ended, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    text = b""
    while True:
        ready, _, _ = select.select([asked, ended], [], [])
        if ended in ready:
            os.read(ended, 2**10)
            for pid, code in _ended_children():
                _say(says, pid=pid, code=code)
        if asked not in ready:
            continue
        part = os.read(asked, 2**16)
        if not part:
            return None
        *lines, text = (text + part).split(b"\n")
        for order in map(json.loads, lines):
            pid = _fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for inherited in (says, ended, noted):
                    os.close(inherited)
                _become_independent(Path(order["output"]))
                words: list[str] = order["words"]
                return words
            _say(says, pid=pid)


def _fork() -> int:
    with warnings.catch_warnings():
        # libraries have threads, which wait here and hold nothing
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _say(where: int, **what: int) -> None:
    with suppress(OSError):  # nobody listens any more
        os.write(where, f"{json.dumps(what)}\n".encode())


def _ended_children() -> list[tuple[int, int]]:
    """Their process numbers and exit codes."""
    ended = []
    with suppress(ChildProcessError):
        while (waited := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((waited[0], os.waitstatus_to_exitcode(waited[1])))
    return ended


def _become_independent(output: Path) -> None:
    """A session of its own, output into a file, nothing to read, and chance of its own."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for new, old in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(new, old)
    os.close(nothing)
    os.close(written)
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
