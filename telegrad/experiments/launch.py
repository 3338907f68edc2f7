"""Runs several at a time, each in a process of its own; what is finished is not made again."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import psutil
import torch
import yaml
from tqdm import tqdm

from telegrad.atomic import write_whole
from telegrad.data.image_folder import make_output
from telegrad.experiments.comparison import Comparison
from telegrad.files import read_json
from telegrad.records import last_row, locked
from telegrad.runs.build import build_schedule
from telegrad.runs.config import Config
from telegrad.runs.resume import differences, stored_content
from telegrad.training.interruptions import Interruptions

AT_FIRST = 2 * 2**30
"""Bytes that a run is expected to take until one has been seen."""

WAIT = 0.2
"""Seconds between looks at the running processes."""


@dataclass(frozen=True)
class Failure:
    """A run that ended with an error, and its last words."""

    config: Config
    reason: str


@dataclass
class Running:
    """A run in its process."""

    config: Config
    process: subprocess.Popen[bytes]

    @property
    def memory(self) -> int:
        """Bytes that it holds now."""
        try:
            return psutil.Process(self.process.pid).memory_info().rss
        except psutil.Error:
            return 0


def launch_comparison(
    comparison: Comparison,
    directory: Path,
    parallel: int | None = None,
    threads: int | None = None,
) -> list[Failure]:
    """All runs of a comparison; tuned first, if it has learning rates to tune over.

    Arguments, result and errors as for `launch`.

    Raises:
        BlockingIOError: if another process launches runs in that directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        return _launched(comparison, directory, parallel, threads)


def _launched(
    comparison: Comparison, directory: Path, parallel: int | None, threads: int | None
) -> list[Failure]:
    rates, (first, *others) = comparison.rates, comparison.seeds
    contestants, config = comparison.contestants, partial(comparison.config, directory)
    tried = {c: [config(c, first, rate) for rate in rates] for c in contestants}
    failures = launch(list(chain(*tried.values())), parallel, threads)
    losses = {c: [final_loss(one) for one in configs] for c, configs in tried.items()}
    best = {c: rates[of_rates.index(min(of_rates))] for c, of_rates in losses.items()}
    again = [config(c, seed, best[c]) for seed in others for c in contestants]
    return failures + launch(again, parallel, threads)


def final_loss(config: Config) -> float:
    """Validation loss of a run's best model; infinite if it failed."""
    try:
        report = read_json(config.directory.report)
        return float(report["restored"]["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return math.inf


def launch(
    configs: Sequence[Config], parallel: int | None = None, threads: int | None = None
) -> list[Failure]:
    """Makes the runs that are not finished, in their order; one that was stopped goes on.

    A further run only starts while the memory that is free holds what the largest has taken. All
    compute with the same number of threads, so that their seconds can be compared. What they print
    is kept in each one's results directory, in `output.txt`.

    Args:
        configs: each with a results directory of its own.
        parallel: runs at a time; by default as many as there are cores, on a GPU one.
        threads: of each run; by default the cores divided among them.

    Returns:
        those that failed; the others were made all the same.

    Raises:
        ValueError: if a results directory holds a run of other options, before any run is made.
        KeyboardInterrupt: after the runs that were under way have saved what they had.
    """
    for name, number in (("parallel", parallel), ("threads", threads)):
        if number is not None and number < 1:
            raise ValueError(f"{name}={number}; needs 1 or more.")
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    cores = cores or 1
    on_cpu = not torch.accelerator.is_available() or all(c.runtime.device == "cpu" for c in configs)
    parallel = parallel or (cores if on_cpu else 1)
    threads = threads or max(1, cores // parallel)
    open_runs = [config for config in configs if not is_finished(config)]
    done = len(configs) - len(open_runs)
    failures: list[Failure] = []
    most = AT_FIRST
    bar = tqdm(
        total=len(configs), initial=done, desc="runs", unit="run", smoothing=0, mininterval=1
    )
    with Interruptions() as interruptions, bar, stopped_with_us() as running:
        while open_runs or running:
            if interruptions.asked:
                raise KeyboardInterrupt
            most = max([most, *(one.memory for one in running)])
            fits = not running or psutil.virtual_memory().available > most
            if open_runs and len(running) < parallel and fits:
                running.append(start(open_runs.pop(0), threads))
                if len(running) < parallel and open_runs:
                    continue
            time.sleep(WAIT)
            for one in [r for r in running if r.process.poll() is not None]:
                running.remove(one)
                if one.process.returncode:
                    failures.append(Failure(one.config, last_words(one.config)))
                bar.update()
            bar.set_postfix_str(", ".join(how_far(one.config) for one in running), refresh=False)
            bar.update(0)
    return failures


def is_finished(config: Config) -> bool:
    """Whether the run has been made to its end.

    Raises:
        ValueError: if its results directory holds a run of other options.
    """
    files, before = config.directory, config_there(config)
    if before is None:
        return False  # the run begins anew
    if changed := differences(before, config):
        raise ValueError(
            f"{files.path} holds a run of {config.label!r} with other options "
            f"({'; '.join(changed.values())}). Use another directory (out), or remove that run."
        )
    return files.report.exists()


def config_there(config: Config) -> Config | None:
    """What a run in that place was made with; None if there is none, or it can't be read."""
    try:
        return Config.from_dict(stored_content(config.directory))
    except (AttributeError, TypeError, ValueError):
        return None  # of another program, or damaged


def start(config: Config, threads: int) -> Running:
    """The run in a process of its own; it goes on where it was stopped, if it was."""
    results, files = Path(config.output.directory), config.directory
    make_output(results)
    description = results / "run.yaml"
    write_whole(description, yaml.safe_dump(config.to_dict(), sort_keys=False))
    saved = files.last.exists() or files.previous.exists()
    goes_on = saved and config_there(config) is not None
    command = [sys.executable, "-m", "telegrad", "train"]
    if goes_on:
        command += ["--resume", str(files.path)]
    else:
        command += ["--config", str(description), "--out", str(results), "--overwrite"]
        if config.runtime.cache_dir:
            command += ["--cache_dir", config.runtime.cache_dir]
    numbers = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with (results / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | numbers,
            start_new_session=True,  # Ctrl-C reaches us, and we stop it
        )
    return Running(config, process)


@contextmanager
def stopped_with_us() -> Iterator[list[Running]]:
    """A list of runs; those in it when it is left are asked to save and waited for."""
    running: list[Running] = []
    try:
        yield running
    finally:
        for one in running:
            one.process.send_signal(signal.SIGTERM)
        for one in running:
            one.process.wait()


def last_words(config: Config) -> str:
    """The last line that the run has printed."""
    output = Path(config.output.directory) / "output.txt"
    lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def how_far(config: Config) -> str:
    """A run's name, and how much of its work it had made when it last validated."""
    row = last_row(config.directory.progress)
    total = config.build_strategy().work_limit or build_schedule(config).work_units
    part = f" {float(row['work_units']) / total:.0%}" if row else ""
    return f"{config.build_task().name} {config.label} seed {config.seed}{part}"
