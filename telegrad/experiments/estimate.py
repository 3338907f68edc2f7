"""What a comparison will take, before it starts: runs, and minutes from a few timed passes."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from telegrad.experiments.comparison import Comparison
from telegrad.experiments.launch import Known, is_finished
from telegrad.experiments.workers import Workers
from telegrad.runs.build import build_network, build_objective, build_schedule
from telegrad.runs.config import Config
from telegrad.runs.trial import black_draw

START = 3.0
"""Seconds that a run takes beside training and validation: its images, its pictures."""

ROUNDS = 3
"""Passes that are timed; the first warms up."""

LONG = 5.0
"""Seconds of a pass that is not made again."""


@dataclass(frozen=True)
class Estimate:
    """Of a comparison.

    Attributes:
        runs: all of them, and those that are open.
        parallel, threads: runs at a time, and threads of each.
        seconds: of the whole, about; None where that can't be told.
    """

    runs: int
    open_runs: int
    parallel: int
    threads: int
    seconds: float | None

    def __str__(self) -> str:
        done = self.runs - self.open_runs
        there = f", {done} of them finished" if done else ""
        at_a_time = min(self.parallel, max(self.open_runs, 1))
        how = f"{at_a_time} at a time with {self.threads} thread{'s' * (self.threads > 1)} each"
        if not self.open_runs:
            return f"{self.runs} runs{there}: nothing is left to be made."
        time_left = "" if self.seconds is None else f": about {duration(self.seconds)}"
        return f"{self.runs} run{'s' * (self.runs > 1)}{there}, {how}{time_left}."


def duration(seconds: float) -> str:
    """In words.

    >>> duration(40), duration(700), duration(9000)
    ('1 minute', '12 minutes', '2.5 hours')
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes > 1)}"
    return f"{seconds / 3600:.1f} hours"


def estimate(comparison: Comparison, directory: Path, workers: Workers) -> Estimate:
    """Runs and time of a comparison; nothing is written.

    Budgets of time are what they say. For others a forward and a backward pass is timed on each
    level, of two images, with as many threads as the runs will have; what validations, crops and
    saves take is left out, as is what runs beside each other cost each other.

    Raises:
        ValueError: as `is_finished`.
        ValueError, OSError: if the images of an open run can't be found.
    """
    rates, (first, *others) = comparison.rates, comparison.seeds
    configs, open_seconds = [], list[float | None]()
    timed, images, looked_at = _Timed(), Known(), set[str]()
    for contestant in comparison.contestants:
        tried = [comparison.config(directory, contestant, first, rate) for rate in rates]
        # which rate the others take is not known yet
        later = [comparison.config(directory, contestant, seed, rates[0]) for seed in others]
        configs += [*tried, *later]
    parallel, threads = workers.for_runs(configs)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for config in configs:
            if not is_finished(config, images):
                _check_images(config, looked_at)
                open_seconds.append(timed.seconds(config))
    finally:
        torch.set_num_threads(before)
    known = [seconds for seconds in open_seconds if seconds is not None]
    seconds = None
    if known and len(known) == len(open_seconds):
        seconds = max(sum(known) / min(parallel, len(known)), max(known))
    return Estimate(len(configs), len(open_seconds), parallel, threads, seconds)


def _check_images(config: Config, looked_at: set[str]) -> None:
    """Raises ValueError or OSError if the run's images can't be found; once for each dataset."""
    described = json.dumps(config.to_dict()["data"])
    if described not in looked_at:
        looked_at.add(described)
        config.build_data().source()


@dataclass
class _Timed:
    """Seconds of a pass of one image, by what they depend on."""

    passes: dict[str, float] = field(default_factory=dict)

    def seconds(self, config: Config) -> float | None:
        """Of a whole run; None where a pass can't be made here."""
        limit = config.build_strategy().time_limit
        if limit is not None:
            return limit + START
        schedule = build_schedule(config)
        total = START
        try:
            for stage in schedule.stages:
                grids = schedule.stage_grids(stage)
                finest = grids.levels - 1
                pace = self._pass(config, grids.shape(finest)) / grids.cost(finest)
                total += stage.steps * schedule.step_cost(stage) * pace
        except Exception:  # the run itself will say what is wrong with it
            return None
        return total

    def _pass(self, config: Config, shape: Sequence[int]) -> float:
        """Seconds of a forward and a backward pass of one image of that size."""
        what = config.to_dict()
        key = json.dumps([list(shape), *(what[part] for part in ("task", "network", "loss"))])
        if key not in self.passes:
            with torch.random.fork_rng(devices=[]):
                network = build_network(config)
            device = _device(config)
            network.to(device).to(memory_format=torch.channels_last).train()
            objective = build_objective(config)
            draw = {n: x.to(device) for n, x in black_draw(objective.task, shape).items()}
            seconds: list[float] = []
            while len(seconds) < ROUNDS and sum(seconds) < LONG:
                began = time.perf_counter()
                objective.losses(network, draw).mean().backward()
                if device.type != "cpu":
                    torch.accelerator.synchronize()
                seconds.append(time.perf_counter() - began)
            self.passes[key] = statistics.median(seconds[1:] or seconds) / 2
        return self.passes[key]


def _device(config: Config) -> torch.device:
    name = config.runtime.device
    if name != "auto":
        return torch.device(name)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")
