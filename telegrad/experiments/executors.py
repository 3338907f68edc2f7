"""Where runs are made: in processes on this machine, or as jobs of a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from telegrad.atomic import write_whole
from telegrad.data.image_folder import make_output
from telegrad.experiments.forked import CAN_FORK, Forked, ForkServer
from telegrad.files import as_yaml
from telegrad.runs.config import Config
from telegrad.runs.resume import stored_content

AT_FIRST = 2 * 2**30
"""Bytes that a run is expected to take until one has been seen."""


class Running(Protocol):
    """A run that was started."""

    config: Config

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def stop(self) -> None:
        """Asks it to save what it has, and to end."""

    def wait(self) -> object:
        """Until it has ended."""


class Executor(Protocol):
    """Starts runs; what it needs for it is there while it is entered (`with`)."""

    def __enter__(self) -> Executor: ...

    def __exit__(self, *error: object) -> None: ...

    def start(self, config: Config) -> Running:
        """The run; it goes on where it was stopped, if it was."""

    def has_room(self) -> bool:
        """Whether there is room for one more."""


@dataclass
class InProcess:
    """A run in a process of this machine."""

    config: Config
    process: subprocess.Popen[bytes] | Forked

    @property
    def memory(self) -> int:
        """Bytes that it holds now."""
        try:
            return psutil.Process(self.process.pid).memory_info().rss
        except psutil.Error:
            return 0

    def poll(self) -> int | None:
        return self.process.poll()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> object:
        return self.process.wait()


class Processes:
    """Runs in processes of their own, which share one import of what they need where they can.

    Args:
        threads: of each run.
    """

    def __init__(self, threads: int) -> None:
        self.environment = environment_of(threads)
        self.server: ForkServer | None = None
        self.started: list[InProcess] = []
        self.most = AT_FIRST

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            self.server.__exit__()

    def has_room(self) -> bool:
        """Whether the memory that is free holds what the largest has taken."""
        self.started = [one for one in self.started if one.poll() is None]
        self.most = max([self.most, *(one.memory for one in self.started)])
        return not self.started or psutil.virtual_memory().available > self.most

    def start(self, config: Config) -> InProcess:
        words, output = words_of(config), output_of(config)
        process: subprocess.Popen[bytes] | Forked
        if CAN_FORK:
            self.server = self.server or ForkServer(self.environment)
            process = self.server.start(words, output)
        else:
            with output.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "telegrad", *words],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=os.environ | self.environment,
                    start_new_session=True,  # Ctrl-C reaches us, and we stop it
                )
        self.started.append(InProcess(config, process))
        return self.started[-1]


def environment_of(threads: int) -> dict[str, str]:
    """What tells a process its number of threads."""
    return {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}


def output_of(config: Config) -> Path:
    """The file in which a run's output is kept."""
    return Path(config.output.directory) / "output.txt"


def words_of(config: Config) -> list[str]:
    """The run's command line, behind `telegrad`; its description is written for it to read."""
    results, files = Path(config.output.directory), config.directory
    make_output(results)
    description = results / "run.yaml"
    write_whole(description, as_yaml(config.to_dict()))
    saved = files.last.exists() or files.previous.exists()
    if saved and config_there(config) is not None:
        return ["train", "--resume", str(files.path)]
    words = ["train", "--config", str(description), "--out", str(results), "--overwrite"]
    if config.runtime.cache_dir:
        words += ["--cache_dir", config.runtime.cache_dir]
    return words


def config_there(config: Config) -> Config | None:
    """What a run in that place was made with; None if there is none, or its description is torn.

    Raises:
        ValueError: if it is finished, and described by what is not there any more.
    """
    files = config.directory
    try:
        content = stored_content(files)
    except ValueError:
        return None
    try:
        return Config.from_dict(content)
    except (AttributeError, TypeError, ValueError) as error:
        if files.report.exists():
            raise ValueError(
                f"{files.path} holds a finished run that can't be described again ({error}). Mend "
                f"that, use another directory (out), or remove the run."
            ) from error
        return None  # of another program


def last_words(config: Config) -> str:
    """The last line that the run has printed."""
    try:
        text = output_of(config).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
