"""What starting costs: the library beside torch alone, and what the command line says at once.

    python benchmarks/start_up.py

Every command is a process of its own; all take turns, so that what else the machine does falls on
all of them alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from table import as_markdown, publish

TORCH = "import torch"
TELEGRAD = (
    "import telegrad; telegrad.multiscale_backward; telegrad.level_statistics; telegrad.Schedule"
)
COMMANDS = {
    f'python -c "{TORCH}"': ["-c", TORCH],
    f'python -c "{TELEGRAD}"': ["-c", TELEGRAD],
    "python -m telegrad --version": ["-m", "telegrad", "--version"],
    "python -m telegrad --help": ["-m", "telegrad", "--help"],
    "python -m telegrad train --help": ["-m", "telegrad", "train", "--help"],
}


def seconds_of(arguments: list[str]) -> float:
    """Of one new process, from its start to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=5, help="of each command, in turn")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for arguments in COMMANDS.values():
        seconds_of(arguments)  # compiled modules and the system's cache of files
    for _ in range(options.repetitions):
        for name, arguments in COMMANDS.items():
            seconds[name].append(seconds_of(arguments))
    torch_alone = statistics.median(next(iter(seconds.values())))
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        around = f"{min(values):.2f}–{max(values):.2f}"
        rows.append([f"`{name}`", f"{median:.2f}", around, f"{median / torch_alone:.2f}"])
    body = (
        f"Seconds from the start of a process to its end: medians and ranges of "
        f"{options.repetitions}, the commands in turn, after one round that warms up.\n\n"
        + as_markdown(["command", "median, s", "range, s", "/ import torch"], rows)
    )
    publish("start_up", "What starting costs", body, [])


if __name__ == "__main__":
    main()
