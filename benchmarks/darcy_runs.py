"""The runs of darcy.py: contestants, samples, training, and the rows that are there."""

from __future__ import annotations

import csv
import functools
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from table import RESULTS
from torch import Tensor

from telegrad import GridHierarchy, ScheduledLoader, WorkLR, level_statistics
from telegrad.diagnostics import LevelStatistics
from telegrad.schedules import Schedule, Stage, auto, cascadic, multiscale, single

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("darcy_example", ROOT / "examples" / "darcy.py")
assert _spec is not None and _spec.loader is not None
problem = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problem)

COLUMNS = "kind size contestant budget learning_rate seed steps work_units seconds error".split()
GRIDS = GridHierarchy(finest=(128, 128), levels=4)
RATES = (1e-3, 3e-3, 1e-2)
CONTINUED_RATES = (3e-4, 1e-3, 3e-3)
TRAIN, VALIDATION, STOPPING = 256, 64, 16
PARTS = (1 / 16, 1 / 4, 1)
"""Of the budget: runs of their own, for the work that an error takes."""

REFERENCE = "single, batch 1"


def coarsest_then_finest(budget: float) -> Schedule:
    stages = Stage(1, 0, (8,)), Stage(1, GRIDS.levels - 1, (1,))
    return Schedule(GRIDS, stages).with_work(budget, (4, 1))


CONTESTANTS: dict[str, Callable[[float], Schedule]] = {
    REFERENCE: lambda budget: single(GRIDS, 1, 1).with_work(budget),
    "single, batch 4": lambda budget: single(GRIDS, 1, 4).with_work(budget),
    "sum 8/4/2/1": lambda budget: multiscale(GRIDS, 1, (8, 4, 2, 1)).with_work(budget),
    "sum 16/1/1/1": lambda budget: multiscale(GRIDS, 1, (16, 1, 1, 1)).with_work(budget),
    "coarsest, then finest": coarsest_then_finest,
    "cascadic 8/4/2/1, shares 8/4/2/1": lambda budget: auto(GRIDS, budget),
    "cascadic 16/8/4/2, shares 4/4/4/3": lambda budget: cascadic(
        GRIDS, batch_sizes=(16, 8, 4, 2)
    ).with_work(budget, (4, 4, 4, 3)),
    "auto (stages end early)": lambda budget: auto(GRIDS, budget),
}
"""Batches and shares of the work are coarsest first. 16/1/1/1 uses the two outer levels only."""

LARGE_SUM = "sum 160/8/1/1"
"""The best by variance alone; run only where the advice names it, in continued runs."""

CONTINUED = "continued: "
CONTINUING = (
    REFERENCE, "sum 16/1/1/1", LARGE_SUM, "coarsest, then finest",
    "cascadic 8/4/2/1, shares 8/4/2/1",
)  # fmt: skip


def schedule_of(contestant: str, budget: float) -> Schedule:
    if contestant == LARGE_SUM:
        return multiscale(GRIDS, 1, (160, 8, 1, 1)).with_work(budget)
    return CONTESTANTS[contestant](budget)


def rates_of(contestant: str) -> tuple[float, ...]:
    return CONTINUED_RATES if contestant.startswith(CONTINUED) else RATES


Samples = list[dict[str, Tensor]]


def samples(kind: str, cache: Path) -> tuple[Samples, Samples, Samples]:
    """For training, for early stops, and for the errors."""
    file = cache / f"{kind}_{GRIDS.finest[0]}.pt"
    if not file.exists():
        made = problem.darcy(kind, TRAIN + STOPPING + VALIDATION, GRIDS.finest[0], seed=0)
        torch.save({name: torch.stack([s[name] for s in made]) for name in made[0]}, file)
    fields = torch.load(file)
    every = [
        dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)
    ]
    return every[:TRAIN], every[TRAIN:-VALIDATION], every[-VALIDATION:]


def error(network: torch.nn.Module, some: Samples) -> float:
    """Mean relative L2 error on the finest level."""
    with torch.no_grad():
        errors = [
            problem.relative_errors(network, {name: field[None] for name, field in sample.items()})
            for sample in some
        ]
    return float(torch.cat(errors).mean())


def train(
    contestant: str, kind: str, budget: float, learning_rate: float, seed: int, cache: Path
) -> dict[str, Any]:
    """One run; its network is kept in the cache."""
    training, stopping, validation = samples(kind, cache)
    torch.manual_seed(seed)
    network = problem.FNO()
    schedule = schedule_of(contestant.removeprefix(CONTINUED), budget)
    if contestant.startswith(CONTINUED):
        start = Runs(RESULTS / "darcy.csv").reference(kind, 4 * budget, seed)
        network.load_state_dict(weights(*start, cache))
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    falling = WorkLR(optimizer)
    loader = ScheduledLoader(training, schedule, seed=seed)
    looks, work, seconds = 0, 0.0, 0.0
    started = time.perf_counter()
    for step in loader:
        optimizer.zero_grad(set_to_none=True)
        step.backward(lambda batch: problem.relative_errors(network, batch))
        optimizer.step()
        falling.step(step)
        work += step.work_units
        if contestant.startswith("auto") and step.progress > (looks + 1) / 40:
            seconds += time.perf_counter() - started
            looks += 1
            loader.report(error(network, stopping))
            started = time.perf_counter()
    seconds += time.perf_counter() - started
    torch.save(network.state_dict(), file_of(contestant, kind, budget, learning_rate, seed, cache))
    return {
        "steps": step.number + 1,
        "work_units": round(work, 2),
        "seconds": round(seconds, 1),
        "error": error(network, validation),
    }


Run = tuple[str, str, float, float, int]
"""Contestant, kind, budget, learning rate and seed."""


def file_of(
    contestant: str, kind: str, budget: float, learning_rate: float, seed: int, cache: Path
) -> Path:
    return cache / f"{kind} {contestant} {budget:g} {learning_rate:g} {seed}.pt".replace("/", "-")


def weights(
    contestant: str, kind: str, budget: float, learning_rate: float, seed: int, cache: Path
) -> dict[str, Tensor]:
    """Of the network that a run left; it is run again if the cache has lost them."""
    run = contestant, kind, budget, learning_rate, seed
    file = file_of(*run, cache)
    if not file.exists():
        train(*run, cache)
    found: dict[str, Tensor] = torch.load(file)
    return found


class Runs:
    """The rows of the CSV."""

    def __init__(self, file: Path) -> None:
        self.file, self.rows = file, []
        if file.exists():
            with file.open() as lines:
                self.rows = list(csv.DictReader(lines))

    def errors(self, **wanted: object) -> list[float]:
        """Of the rows with these values."""
        return [
            float(row["error"])
            for row in self.rows
            if all(row[name] == str(value) for name, value in wanted.items())
        ]

    def run(self, cache: Path, **what: Any) -> float:
        """The error of a run, made now unless it is there."""
        found = self.errors(size=GRIDS.finest[0], **what)
        if found:
            return found[0]
        row = {"size": GRIDS.finest[0], **what, **train(**what, cache=cache)}
        new = not self.file.exists()
        with self.file.open("a", newline="") as lines:
            writer = csv.DictWriter(lines, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)
        self.rows.append({name: str(value) for name, value in row.items()})
        print(", ".join(str(row[name]) for name in COLUMNS), flush=True)
        return float(row["error"])

    def tuned(self, contestant: str, kind: str, budget: float, seed: int) -> float:
        """The learning rate that is best at a budget on a seed, of those that were tried."""
        tried = {
            rate: self.errors(
                contestant=contestant, kind=kind, budget=budget, learning_rate=rate, seed=seed
            )
            for rate in rates_of(contestant)
        }
        return min(tried, key=lambda rate: tried[rate][0])

    def rate(self, contestant: str, kind: str, budget: float) -> float:
        """The learning rate of the last run at a budget: the tuned one."""
        same = {"contestant": contestant, "kind": kind, "budget": str(budget)}
        rows = [row for row in self.rows if all(row[name] == v for name, v in same.items())]
        return float(rows[-1]["learning_rate"])

    def reference(self, kind: str, budget: float, seed: int) -> Run:
        """Single-scale training at a budget."""
        return REFERENCE, kind, budget, self.rate(REFERENCE, kind, budget), seed


@functools.cache
def diagnosed(kind: str, run: Run | None, cache: Path) -> LevelStatistics:
    """Of a new network, or of one that a run left."""
    torch.manual_seed(0)
    network = problem.FNO()
    if run:
        network.load_state_dict(weights(*run, cache))
    training, _, _ = samples(kind, cache)
    draws = {name: torch.stack([s[name] for s in training]) for name in training[0]}
    return level_statistics(
        lambda batch: problem.relative_errors(network, batch),
        draws, GRIDS, network.parameters(), budget=4, timing=0,
    )  # fmt: skip
