"""Two processes on two cores: throughput against one process, each process on one thread.

    python benchmarks/processes.py

Runs `telegrad train` as a user would, with `--processes 1` and `--processes 2` in turn, and reads
the seconds of the steps from the table that every run writes. Batch sizes are those of all
processes together, so that the ratio of throughputs is that of seconds.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from table import as_markdown, publish

WARM_UP = 3
NETWORKS = {"resnet": (32, 30), "unet": (16, 12)}
"""Channels, and timed steps of the mode that takes longest a step."""


def seconds_a_step(mode: str, network: str, processes: int) -> float:
    """Of a new run: the mean over all steps but the first ones."""
    channels, steps = NETWORKS[network]
    with tempfile.TemporaryDirectory() as results:
        options = {
            "strategy": mode,
            "network": network,
            "network.channels": channels,
            "device": "cpu",
            "processes": processes,
            "steps": steps + WARM_UP,
            "validation.times": 1,
            "validation.images": 4,
            "out": results,
        }
        command = [sys.executable, "-m", "telegrad", "train", "paper_denoising"]
        command += [f"--{name}={value}" for name, value in options.items()]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=one_thread, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")
        (table,) = Path(results).glob("logs/*_train.csv")
        with table.open() as file:
            times = [float(row["time"]) for row in csv.DictReader(file)]
    return (times[-1] - times[WARM_UP - 1]) / steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turn")
    options = parser.parse_args()
    rows = []
    for network, (channels, _) in NETWORKS.items():
        for mode, sizes in (("single", "16"), ("multiscale", "128/64/32/16")):
            pairs = [
                [seconds_a_step(mode, network, processes) for processes in (1, 2)]
                for _ in range(options.rounds)
            ]
            one, two = (statistics.median(pair[k] for pair in pairs) for k in range(2))
            ratio = statistics.median(a / b for a, b in pairs)
            name = f"{network} {channels}"
            rows.append([name, mode, sizes, f"{1e3 * one:.0f}", f"{1e3 * two:.0f}", f"{ratio:.2f}"])
            print(rows[-1], flush=True)
    columns = [
        "network",
        "mode",
        "batch sizes",
        "one process, ms a step",
        "two, ms a step",
        "throughput of two / one",
    ]
    body = (
        "PaperDenoising, 64×64 crops of the built-in photographs, one thread a process, gradients "
        f"exchanged once a step by gloo; medians of {options.rounds} runs of each kind, in "
        f"turn.\n\n" + as_markdown(columns, rows)
    )
    publish("processes", "Two processes against one", body, [42])


if __name__ == "__main__":
    main()
