"""What starting costs: the library beside torch alone, and what the command line says at once.

    python benchmarks/start_up.py

Every command is a process of its own; all take turns, so that what else the machine does falls on
all of them alike. Seconds of the processor, of all threads together, are those that other programs
change least.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from table import as_markdown, publish

TORCH = "import torch"
TELEGRAD = (
    "import telegrad; telegrad.multiscale_backward; telegrad.level_statistics; telegrad.Schedule"
)
FIRST_STEP = """
import sys, tempfile
import telegrad.runs.running as running
from telegrad.cli.main import main
running.train = lambda *_, **__: sys.exit()
main(["train", "denoising", "--out", sys.argv[1]])
"""
"""Up to where the first step would be made: images read, the network checked, steps timed."""

COMMANDS = {
    f'python -c "{TORCH}"': ["-c", TORCH],
    f'python -c "{TELEGRAD}"': ["-c", TELEGRAD],
    "python -m telegrad --version": ["-m", "telegrad", "--version"],
    "python -m telegrad --help": ["-m", "telegrad", "--help"],
    "python -m telegrad train --help": ["-m", "telegrad", "train", "--help"],
    "telegrad train denoising, to its first step": ["-c", FIRST_STEP, "{new folder}"],
}


def seconds_of(arguments: list[str]) -> tuple[float, float]:
    """Of one new process, from its start to its end: of the clock, and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        words = [folder if word == "{new folder}" else word for word in arguments]
        started, before = time.perf_counter(), _processor_seconds()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        return time.perf_counter() - started, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=5, help="of each command, in turn")
    options = parser.parse_args()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for arguments in COMMANDS.values():
        seconds_of(arguments)  # compiled modules and the system's cache of files
    for _ in range(options.repetitions):
        for name, arguments in COMMANDS.items():
            seconds[name].append(seconds_of(arguments))
    rows, alone = [], None
    for name, values in seconds.items():
        clock, processor = (list(of) for of in zip(*values, strict=True))
        medians = statistics.median(clock), statistics.median(processor)
        alone = alone or medians
        around = f"{min(clock):.2f}–{max(clock):.2f}"
        beyond = f"{medians[0] - alone[0]:+.2f}", f"{medians[1] - alone[1]:+.2f}"
        rows.append([f"`{name}`", f"{medians[0]:.2f}", around, f"{medians[1]:.2f}", *beyond])
    body = (
        f"Seconds from the start of a process to its end: medians and ranges of "
        f"{options.repetitions}, the commands in turn, after one round that warms up.\n\n"
        + as_markdown(
            ["command", "median, s", "range, s", "processor, s", "beyond torch, s", "processor, s"],
            rows,
        )
    )
    publish("start_up", "What starting costs", body, [])


if __name__ == "__main__":
    main()
