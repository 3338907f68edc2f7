"""Darcy flow by a Fourier neural operator: what the statistics promise, and what training gives.

    python benchmarks/darcy.py

Network and data are those of examples/darcy.py. At equal work: single-scale, coarse to fine, and
the telescoping sum from the start, each with its learning rate tuned on one seed at a quarter of
the work; then some of them again, from networks that single-scale training left. Rows are appended
to results/darcy.csv as they come and finished runs are skipped; results/darcy.md is made of them,
by --table without further runs. Samples and networks are kept in --cache; single-scale training's
are made anew where it has lost them, as the statistics are of these.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from darcy_runs import (
    CONTESTANTS,
    CONTINUED,
    CONTINUED_RATES,
    CONTINUING,
    GRIDS,
    PARTS,
    RATES,
    REFERENCE,
    TRAIN,
    VALIDATION,
    Runs,
    diagnosed,
    rates_of,
)
from table import RESULTS, as_markdown, publish

from telegrad.diagnostics import LevelStatistics
from telegrad.diagnostics.gain import Allocation


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
    parser.add_argument("--table", action="store_true", help="of the runs that are there")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    runs = Runs(RESULTS / "darcy.csv")
    if not options.table:
        all_runs(runs, options)
    write(runs, options)


if __name__ == "__main__":
    main()
