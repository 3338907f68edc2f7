"""How much work each strategy needs for what the best single-scale run reaches with all of it.

    python benchmarks/work_to_quality.py --data_dir PHOTOGRAPHS [--task denoising --img_size 64]

Single-scale training is tuned first: batch size and learning rate, by the validation loss at the
whole budget. Its median over seeds is the target. Every other strategy then runs with a 64th, a
32nd, … of the budget until all seeds reach the target, each a run of its own with a schedule of
that length, and with the learning rate that is best for it at a sixteenth. What it needs is where
the line between the two budgets around the target crosses it, in logarithms. Finished runs are kept
in --keep, so that a benchmark that was stopped goes on where it was.

Seconds are those of training alone: the steps that a run made of each stage, times what one takes
when nothing else runs, timed after all runs.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import multiprocessing
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from quiet import thrown_away
from table import as_markdown, publish

from telegrad.runs import Config, run
from telegrad.runs.build import build_schedule
from telegrad.runs.compose import compose
from telegrad.runs.running import prepare
from telegrad.schedules import Schedule
from telegrad.training.timing import seconds_per_step

PAPER = [128, 64, 32, 16]
STRATEGIES: dict[str, dict[str, Any]] = {
    "cascadic, paper's stages and batches": {"strategy": "Cascadic", "batch_sizes": PAPER},
    "multiscale, paper's batches, independent": {
        "strategy": "Multiscale",
        "form": "independent",
        "batch_sizes": PAPER,
    },
    "full multiscale, paper's, independent": {
        "strategy": "FullMultiscale",
        "form": "independent",
        "batch_sizes": PAPER,
    },
    "random patches, 4 of the largest": {
        "strategy": "RandomPatches",
        "batch_size": 4,
        "decay": 0.3,
    },
    "growing patches 8/8/8/4": {
        "strategy": "GrowingPatches",
        "batch_sizes": [8, 8, 8, 4],
        "shares": [1, 2, 5, 2],
        "decay": 0.3,
    },
    "cascadic 8/8/8/4": {
        "strategy": "Cascadic",
        "batch_sizes": [8, 8, 8, 4],
        "shares": [1, 2, 5, 2],
        "decay": 0.3,
    },
    "full multiscale, nested 8/8/8/1": {
        "strategy": "FullMultiscale",
        "batch_sizes": [8, 8, 8, 1],
        "shares": [1, 2, 5, 2],
        "decay": 0.3,
    },
    "auto": {"strategy": "Auto"},
    "growing patches in auto's stages": {"strategy": "GrowingPatches", "stages_of_auto": True},
    "cascadic in auto's stages": {"strategy": "Cascadic", "stages_of_auto": True},
}
"""Batch sizes coarsest first; 10, 20, 50, 20 % of the work on the four levels, unless the paper's
stages are named."""
DECAYS = {"cosine": None, "late": 0.3}
PARTS = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Budgets are the whole one divided by these."""


@dataclass(frozen=True)
class Job:
    """One run."""

    settings: dict[str, Any]
    work_units: float
    learning_rate: float
    seed: int
    options: argparse.Namespace

    @property
    def key(self) -> str:
        o = self.options
        problem = (o.task, o.network, o.channels, o.img_size, o.t_max)
        common = (*problem, o.val_images, o.validations)
        return json.dumps([common, self.settings, self.work_units, self.learning_rate, self.seed])


Result = dict[str, Any]
"""Of a run: final validation loss (1 − SSIM for super-resolution, whose loss is −SSIM), PSNR, work
units, and steps of each stage; nan where the budget buys no step."""


def train_once(job: Job) -> Result:
    """Makes the run, and throws its files away."""
    o = job.options
    torch.set_num_threads(o.threads)
    with thrown_away() as results:
        config = config_of(job, results)
        if config is None:
            return dict.fromkeys(("loss", "psnr", "work_units"), math.nan) | {"steps": []}
        report = run(config)
        with report.files.progress.open() as file:
            ends = {int(row["stage"]): int(row["iteration"]) for row in csv.DictReader(file)}
    steps = [end - begin for begin, end in itertools.pairwise([0, *ends.values()])]
    return {
        "loss": report.restored.loss + (o.task == "superresolution"),
        "psnr": report.restored.mean_psnr,
        "work_units": report.progress.work_units,
        "steps": steps,
    }


def affordable(config: Config) -> Schedule | None:
    """Its schedule; None where its work is too little for one step of each stage."""
    try:
        return build_schedule(config)
    except ValueError:
        return None


def config_of(job: Job, results: str) -> Config | None:
    """What the job runs; None where its work is too little."""
    of_all = {
        **of_problem(job.options),
        "work_units": job.work_units,
        "learning_rate": job.learning_rate,
        "seed": job.seed,
        "out": results,
    }
    settings = {name: value for name, value in job.settings.items() if value is not None}
    if settings.pop("stages_of_auto", False):
        schedule = affordable(compose({**of_all, "strategy": "Auto"}))
        if schedule is None:
            return None
        settings["batch_sizes"] = [stage.batch_sizes[0] for stage in schedule.stages]
        settings["shares"] = [stage.steps * schedule.step_cost(stage) for stage in schedule.stages]
        settings["decay"] = 0.3
    config = compose({**of_all, **settings})
    return None if affordable(config) is None else config


def of_problem(o: argparse.Namespace) -> dict[str, Any]:
    """The options of every run, without its strategy, length and seed."""
    data = {"data": "Folder", "data.path": o.data_dir} if o.data_dir else {}
    noise = {} if o.t_max is None else {"t_max": o.t_max}
    return {
        **data,
        **noise,
        "task": f"paper_{o.task}",
        "network": o.network,
        "network.channels": o.channels,
        "size": o.img_size,
        "validation.times": o.validations,
        "validation.images": o.val_images,
        "device": "cpu",
    }


def step_seconds(config: Config | None) -> tuple[float, ...]:
    """Of one step of each stage."""
    assert config is not None, "a run that was made has a schedule"
    ready = prepare(config)
    return tuple(seconds_per_step(ready.fabric, ready.state, ready.objective, rounds=20))


class Runs:
    """Results of runs, made several at a time and kept in a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.file = Path(options.keep)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.known: dict[str, Result] = {}
        if self.file.exists():
            self.known = json.loads(self.file.read_text())
        self.pool = multiprocessing.get_context("spawn").Pool(options.processes)

    def __call__(self, jobs: list[Job]) -> list[Result]:
        missing = [job for job in jobs if job.key not in self.known]
        for job, result in zip(missing, self.pool.imap(train_once, missing), strict=True):
            self.known[job.key] = result
            self.file.write_text(json.dumps(self.known, indent=0))
            print(
                f"{job.settings} {job.work_units:g} WU, lr {job.learning_rate:g}, seed {job.seed}: "
                f"{result['loss']:.4g}",
                file=sys.stderr,
                flush=True,
            )
        return [self.known[job.key] for job in jobs]


@dataclass(frozen=True)
class Climb:
    """A strategy's runs, of growing budgets, all seeds of a budget together."""

    settings: dict[str, Any]
    learning_rate: float
    results: list[Result]
    options: argparse.Namespace

    @classmethod
    def to(
        cls, target: float, settings: dict[str, Any], runs: Runs, o: argparse.Namespace
    ) -> Climb:
        """Two budgets at a time, until all seeds have reached the target with the larger one."""
        sixteenth = o.work_units / 16
        tried = runs([Job(settings, sixteenth, rate, o.seeds[0], o) for rate in o.learning_rates])
        losses = [math.inf if math.isnan(r["loss"]) else r["loss"] for r in tried]
        rate = o.learning_rates[losses.index(min(losses))]
        results: list[Result] = []
        for parts in (o.parts[k : k + 2] for k in range(0, len(o.parts), 2)):
            budgets = [o.work_units / part for part in parts]
            results += runs([Job(settings, b, rate, seed, o) for b in budgets for seed in o.seeds])
            if all(r["loss"] <= target for r in results[-len(o.seeds) :]):
                break
        return cls(settings, rate, results, o)

    @property
    def median_losses(self) -> list[float]:
        """Of each budget that was run."""
        n = len(self.options.seeds)
        losses = [r["loss"] for r in self.results]
        return [statistics.median(losses[k : k + n]) for k in range(0, len(losses), n)]

    def factors(self, target: float, seconds: float) -> tuple[str, str]:
        """How many times less work, and how many times fewer seconds, than single-scale takes."""
        o = self.options
        with tempfile.TemporaryDirectory() as results:
            job = Job(self.settings, o.work_units, self.learning_rate, o.seeds[0], o)
            paces = step_seconds(config_of(job, results))
        work, time = [], []
        for k in range(len(o.seeds)):
            of_seed = self.results[k :: len(o.seeds)]
            losses = [r["loss"] for r in of_seed]
            took = [
                sum(n * pace for n, pace in zip(r["steps"], paces, strict=True))
                if r["steps"]
                else math.nan
                for r in of_seed
            ]
            work.append(crossing([r["work_units"] for r in of_seed], losses, target))
            time.append(crossing(took, losses, target))
        return factors(o.work_units, work), factors(seconds, time)


def crossing(costs: list[float], losses: list[float], target: float) -> tuple[float, str]:
    """The cost at which a strategy reaches the target, interpolated in logarithms, and a sign.

    Budgets that buy no step count as not reaching it.
    """
    for k, loss in enumerate(losses):
        if loss <= target:
            if k == 0 or math.isnan(losses[k - 1]):
                return costs[k], "≤ "
            fraction = math.log(losses[k - 1] / target) / math.log(losses[k - 1] / loss)
            return costs[k - 1] * (costs[k] / costs[k - 1]) ** fraction, ""
    return costs[-1], "> "


def in_thousandths(loss: float) -> str:
    return "–" if math.isnan(loss) else f"{1e3 * loss:.3f}"


def factors(whole: float, found: list[tuple[float, str]]) -> str:
    """How many times less than the whole, as median and range over seeds."""
    values = sorted(whole / cost for cost, _ in found)
    if any(map(math.isnan, values)):
        return "–"
    signs = {sign for _, sign in found if sign}
    sign = "< " if "> " in signs else "≥ " if signs else ""
    return f"{sign}{statistics.median(values):.1f} ({values[0]:.1f}–{values[-1]:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", help="folder of photographs, train and val")
    parser.add_argument("--task", default="denoising", help="one of the paper's four")
    parser.add_argument("--network", default="resnet")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--t_max", type=float)
    parser.add_argument("--work_units", type=float, default=6400)
    parser.add_argument("--single_batches", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--single_decays", nargs="+", choices=DECAYS, default=list(DECAYS))
    parser.add_argument("--learning_rates", type=float, nargs="+", default=[5e-4, 1e-3, 2e-3, 3e-3])
    parser.add_argument("--least", type=int, default=32, help="smallest part of the budget")
    parser.add_argument("--most", type=int, default=4, help="largest part, of all but single")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--val_images", type=int, default=128)
    parser.add_argument("--validations", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--keep", default="results/work_to_quality.json")
    parser.add_argument("--name", help="of the result; by default of task and size")
    options = parser.parse_args()
    options.parts = [p for p in PARTS if options.most <= p <= options.least]
    runs, first = Runs(options), options.seeds[0]

    singles = [
        ({"strategy": "Single", "batch_size": n, "decay": decay}, rate)
        for n in options.single_batches
        for decay in (DECAYS[name] for name in options.single_decays)
        for rate in options.learning_rates
    ]
    tried = runs([Job(s, options.work_units, rate, first, options) for s, rate in singles])
    best, single_rate = singles[min(range(len(singles)), key=lambda k: tried[k]["loss"])]
    whole = runs([Job(best, options.work_units, single_rate, n, options) for n in options.seeds])
    target = statistics.median(r["loss"] for r in whole)
    psnr = statistics.median(r["psnr"] for r in whole)

    chosen = {"single, the best": best}
    chosen |= {name: STRATEGIES[name] for name in options.strategies}
    climbs = {name: Climb.to(target, of_name, runs, options) for name, of_name in chosen.items()}
    runs.pool.terminate()  # so that nothing else runs while steps are timed
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as results:
        job = Job(best, options.work_units, single_rate, first, options)
        (pace,) = step_seconds(config_of(job, results))
    seconds = pace * statistics.median(sum(r["steps"]) for r in whole)
    rows, ladder = [], []
    for name, climb in climbs.items():
        rows.append([name, f"{climb.learning_rate:g}", *climb.factors(target, seconds)])
        cells = [in_thousandths(loss) for loss in climb.median_losses]
        ladder.append([name, *cells, *[""] * (len(options.parts) - len(cells))])
    tuning_rows = [
        [
            s["batch_size"],
            "late linear" if s["decay"] else "cosine",
            f"{rate:g}",
            in_thousandths(r["loss"]),
        ]
        for (s, rate), r in zip(singles, tried, strict=True)
    ]
    measure = " (1 − SSIM)" if options.task == "superresolution" else ""
    body = "\n\n".join(
        [
            f"{options.task}, {options.img_size}×{options.img_size} crops of "
            f"{Path(options.data_dir).name if options.data_dir else 'the built-in photographs'}, "
            f"{options.network} of {options.channels} channels"
            + (f", t ~ U(0, {options.t_max:g})" if options.t_max else "")
            + f". The best single-scale run of {options.work_units:,.0f} WU (batch "
            f"{best['batch_size']}, learning rate {single_rate:g}, "
            f"{'late linear' if best['decay'] else 'cosine'} decay) reaches a validation loss"
            f"{measure} of {1e3 * target:.3f}e-3 ({psnr:.2f} dB) in {seconds:.0f} s: median of "
            f"{len(options.seeds)} seeds.",
            "How many times less each strategy needs for the same loss; median (range) over seeds:",
            as_markdown(["strategy", "learning rate", "work units", "seconds"], rows),
            f"Validation loss{measure} ·10³ by budget, median over seeds (–: buys no step of each "
            f"stage):",
            as_markdown(
                ["strategy", *(f"{options.work_units / p:,.0f} WU" for p in options.parts)], ladder
            ),
            f"Single-scale at {options.work_units:,.0f} WU, tuning, seed {first}:",
            as_markdown(["batch", "decay", "learning rate", "loss ·10³"], tuning_rows),
        ]
    )
    name = options.name or f"work_to_quality_{options.task}_{options.img_size}"
    publish(
        name,
        f"Time to quality: {options.task}, {options.img_size}×{options.img_size}",
        body,
        options.seeds,
    )


if __name__ == "__main__":
    main()
