"""Darcy flow by a Fourier neural operator: what the statistics promise, and what training gives.

    python benchmarks/darcy.py

Network and data are those of examples/darcy.py. At equal work: single-scale, coarse to fine, and
the telescoping sum from the start, each with its learning rate tuned on one seed at a quarter of
the work; then some of them again, from networks that single-scale training left. Rows are appended
to results/darcy.csv as they come and finished runs are skipped; results/darcy.md is made of them,
by --table without training. Samples and networks are kept in --cache.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from table import RESULTS, as_markdown, publish
from torch import Tensor

from telegrad import GridHierarchy, ScheduledLoader, WorkLR, level_statistics
from telegrad.diagnostics import LevelStatistics
from telegrad.diagnostics.gain import Allocation
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


def all_runs(runs: Runs, options: argparse.Namespace) -> None:
    for kind in options.kinds:
        for contestant in options.contestants:
            tuned_runs(runs, options, contestant, kind, options.budget / 4, PARTS)
        for contestant in options.continuing:
            tuned_runs(runs, options, CONTINUED + contestant, kind, options.budget / 4, (1 / 4,))


def tuned_runs(
    runs: Runs,
    options: argparse.Namespace,
    contestant: str,
    kind: str,
    tuning: float,
    parts: Sequence[float],
) -> None:
    """Those of a contestant: all rates on one seed at the budget `tuning`, the best on all."""
    what = {"contestant": contestant, "kind": kind}
    for rate in rates_of(contestant):
        runs.run(options.cache, **what, budget=tuning, seed=options.seeds[0], learning_rate=rate)
    rate = runs.tuned(**what, budget=tuning, seed=options.seeds[0])
    for part in parts:
        for seed in options.seeds:
            budget = options.budget * part
            runs.run(options.cache, **what, budget=budget, seed=seed, learning_rate=rate)


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


def work_ratio(errors: dict[float, float], target: float) -> float:
    """The largest budget over the work that reaches `target`, by log-log interpolation.

    Infinite where the least budget did, and 0 where none did.
    """
    budgets = sorted(errors)
    if errors[budgets[0]] <= target:
        return math.inf
    for less, more in pairwise(budgets):
        if errors[more] <= target:
            part = math.log(errors[less] / target) / math.log(errors[less] / errors[more])
            return budgets[-1] / (less * (more / less) ** part)
    return 0.0


def ratios(runs: Runs, contestant: str, kind: str, options: argparse.Namespace) -> str:
    """How many times less work it needs for single's last error: median and range over seeds."""
    budgets = [options.budget * part for part in PARTS]
    target = median(runs.errors(contestant=REFERENCE, kind=kind, budget=budgets[-1]))
    rate = runs.rate(contestant, kind, budgets[-1])
    of_seeds = []
    for seed in options.seeds:
        what = {"contestant": contestant, "kind": kind, "seed": seed, "learning_rate": rate}
        errors = {budget: runs.errors(**what, budget=budget)[0] for budget in budgets}
        of_seeds.append(work_ratio(errors, target))
    most = f"> {budgets[-1] / budgets[0]:g}"

    def number(x: float) -> str:
        return most if x == math.inf else f"{x:.1f}" if x else "< 1"

    low, middle, high = (number(x) for x in (min(of_seeds), median(of_seeds), max(of_seeds)))
    return middle if low == high else f"{middle} ({low} to {high})"


def forecasts(contestant: str, statistics: LevelStatistics) -> tuple[str, str]:
    """Times as much progress as `REFERENCE`: by variance alone, and with steps counted.

    Of a coarse-to-fine schedule it is that of its first stage.
    """
    stage = CONTESTANTS[contestant](1e4).stages[0]
    sizes, finest = stage.batch_sizes, GRIDS.levels - 1
    if len(sizes) == 1 and stage.finest < finest:
        by_variance = statistics.progress(0)
        counted = statistics.progress(0, batch_size=sizes[0])
    else:
        alphas = (1.0,) * (len(sizes) - 1)
        allocation = Allocation("nested", stage.coarsest, tuple(map(float, sizes)), alphas)
        by_variance, counted = statistics.gain(allocation), statistics.step_gain(allocation)
    return tuple(  # type: ignore[return-value]
        "–" if x.low == -math.inf else f"{x.value:.2g}" for x in (by_variance, counted)
    )


def races(runs: Runs, kind: str, options: argparse.Namespace) -> str:
    """The contestants of one kind, with the forecasts of two networks on single's way."""
    budgets = [options.budget * part for part in PARTS]
    on_way = [diagnosed(kind, runs.reference(kind, b, 0), options.cache) for b in budgets]
    rows = []
    for contestant in CONTESTANTS:
        what = {"contestant": contestant, "kind": kind}
        if not runs.errors(**what, budget=budgets[-1], seed=options.seeds[-1]):
            continue  # not run
        rate = runs.rate(**what, budget=budgets[-1])
        errors = [median(runs.errors(**what, budget=b, learning_rate=rate)) for b in budgets]
        said = zip(*(forecasts(contestant, statistics) for statistics in on_way), strict=True)
        cells = [f"{error:.3f}" for error in errors]
        rows.append(
            [contestant, f"{rate:g}", *cells, ratios(runs, **what, options=options)]
            + [", ".join(pair) for pair in said]
        )
    columns = [
        "strategy", "rate", *(f"{b:g} WU" for b in budgets), "less work", "by variance",
        "steps counted",
    ]  # fmt: skip
    return as_markdown(columns, rows)


def continuations(runs: Runs, kinds: Sequence[str], options: argparse.Namespace) -> str:
    """Errors of runs that went on from single's networks."""
    rows, budget = [], options.budget / 4
    kinds = [
        kind for kind in kinds if runs.errors(kind=kind, contestant=CONTINUED + CONTINUING[-1])
    ]
    for contestant in CONTINUING:
        cells = []
        for kind in kinds:
            what = {"contestant": CONTINUED + contestant, "kind": kind, "budget": budget}
            rates = {r: runs.errors(**what, learning_rate=r) for r in CONTINUED_RATES}
            rate = max(rates, key=lambda r: len(rates[r]))
            cells += [f"{rate:g}", f"{median(rates[rate]):.3f}"]
        rows.append([contestant, *cells])
    columns = ["strategy", *(name for kind in kinds for name in ("rate", kind))]
    return as_markdown(columns, rows)


def write(runs: Runs, options: argparse.Namespace) -> None:
    parts = [
        f"Fourier neural operator of 16 channels, 6 modes and 4 layers, {TRAIN} samples on "
        f"{GRIDS.finest[0]}² cells, levels from {GRIDS.shape(0)[0]}²; Adam. Relative L² error of "
        f"{VALIDATION} unseen samples on the finest level, median of {len(options.seeds)} seeds, "
        f"for runs of three lengths; batches and shares of the work are coarsest first. *Less "
        f"work*: how many times less than single-scale training with its "
        f"{options.budget:g} WU, for its error (median, and range over seeds; between two runs "
        f"by log-log interpolation). Beside it what the statistics of single-scale training's "
        f"network (one seed, all {TRAIN} samples as draws) forecast of progress for a work unit, "
        f"after each of the three lengths: by variance alone, and with steps counted "
        f"(`progress`, `gain`; `progress(batch_size=…)`, `step_gain`); of a coarse-to-fine "
        f"schedule that of its first stage. Rates were {', '.join(f'{r:g}' for r in RATES)}, when "
        f"going on {', '.join(f'{r:g}' for r in CONTINUED_RATES)}."
    ]
    for kind in options.kinds:
        parts.append(f"{TITLES[kind]}:\n\n{races(runs, kind, options)}")
    parts.append(
        f"Going on from single-scale training's networks after {options.budget:g} WU, for "
        f"{options.budget / 4:g} more:\n\n{continuations(runs, options.kinds, options)}"
    )
    for kind in options.kinds:
        for budget in (None, *(options.budget * part for part in PARTS)):
            run = None if budget is None else runs.reference(kind, budget, options.seeds[0])
            when = "before training" if budget is None else f"after {budget:g} WU of single-scale"
            said = diagnosed(kind, run, options.cache)
            parts.append(f"{kind.capitalize()}, {when}:\n\n```\n{said}\n```")
    publish(
        "darcy", "Darcy flow: what was forecast, and what came", "\n\n".join(parts), options.seeds
    )


TITLES = {
    "smooth": "Smooth coefficient, the exponential of a Gaussian field",
    "rough": "Rough coefficient, of two phases, 20 to 1",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", nargs="+", default=["smooth", "rough"])
    parser.add_argument("--budget", type=float, default=256.0, help="work units of a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--contestants", nargs="*", default=list(CONTESTANTS))
    parser.add_argument("--continuing", nargs="*", default=CONTINUING)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "darcy")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    runs = Runs(RESULTS / "darcy.csv")
    if not options.table:
        all_runs(runs, options)
    write(runs, options)


if __name__ == "__main__":
    main()
