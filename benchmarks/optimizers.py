"""As many steps of the same crops by Muon as were best for AdamW.

    python benchmarks/optimizers.py --photographs BSDS500 --testsets TESTSETS

The crops, their number and AdamW's rate are the best at the shortest time of
results/time_to_quality_runs.csv, and AdamW's quality is that of its row; Muon makes as many steps,
with each of some rates. Its updates take longer, which is not counted here: see time_to_quality.py.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from contenders import CLIP, LATE, MUON, PROBLEMS, task_of
from quiet import quiet
from table import RESULTS, as_markdown, publish
from time_to_quality import photographs_of
from timed_runs import quality_of, rows

from telegrad.runs.compose import compose
from telegrad.runs.running import carry_on, prepare

VARIANTS = (0.004, 3), (0.008, 3), (0.008, 5)
"""Learning rates, and iterations by which matrices are made orthogonal."""


@dataclass(frozen=True)
class Trial:
    """One run of Muon."""

    problem: str
    size: int
    crops: int
    steps: int
    rate: float
    iterations: int
    photographs: str
    choices: str


def best_of_adamw(problem: str) -> dict[str, str]:
    """The row of the crops that did best by AdamW at the shortest time, on the first seed."""
    found = [
        row
        for row in rows(RESULTS / "time_to_quality_runs.csv")
        if row["problem"] == problem and row["contender"] == "fixed random crops"
    ]
    shortest = min(float(row["seconds"]) for row in found)
    tried = [r for r in found if float(r["seconds"]) == shortest and r["seed"] == "0"]
    return max(tried, key=lambda row: float(row["choices"]))


def trained(trial: Trial) -> float:
    """PSNR on the images to choose by, in dB."""
    torch.set_num_threads(1)
    problem = PROBLEMS[trial.problem]
    with tempfile.TemporaryDirectory() as out, quiet():
        config = compose(
            {
                **task_of(problem, trial.size),
                **problem.network,
                **LATE,
                "data": "Folder",
                "data.path": trial.photographs,
                "size": trial.size,
                "strategy": "Single",
                "strategy.batch_size": trial.crops,
                "steps": trial.steps,
                "optimizer": MUON,
                "optimizer.lr": trial.rate,
                "optimizer.iterations": trial.iterations,
                "update.clip": CLIP,
                "validation.times": 1,
                "validation.images": problem.validated,
                "seed": 0,
                "device": "cpu",
                "out": out,
            }
        )
        report = carry_on(prepare(config), resume=False)
        found = quality_of(trial.problem, report.files.best, [trial.choices], "cpu")
    (quality,) = found.values()
    return float(quality)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", required=True, help="folder with train and val in it")
    parser.add_argument("--testsets", required=True, help="folder with CBSD68 in it")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS)[:4])
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = photographs_of(Path(o.photographs), Path(o.testsets), Path(work))
        trials, table = [], []
        for problem in o.problems:
            row = best_of_adamw(problem)
            knobs = json.loads(row["knobs"])
            of_crops = knobs["size"], knobs["strategy.batch_size"], int(row["steps"])
            trials += [
                Trial(problem, *of_crops, *variant, str(folder), f"{work}/choices")
                for variant in VARIANTS
            ]
            size, crops, steps = of_crops
            adamw = f"{float(row['choices']):.2f} (lr {row['learning_rate']})"
            table.append([problem, f"{crops} of {size}×{size}", steps, adamw])
        with multiprocessing.get_context("spawn").Pool(o.processes, maxtasksperchild=1) as pool:
            quality = pool.map(trained, trials, chunksize=1)
        for k, row_of_table in enumerate(table):
            of_problem = quality[k * len(VARIANTS) : (k + 1) * len(VARIANTS)]
            row_of_table += [f"{value:.2f}" for value in of_problem]
    columns = ["problem", "crops a step", "steps", "AdamW", *(_said(*v) for v in VARIANTS)]
    head = (
        "PSNR in dB on the images to choose by, one seed: as many steps of the same crops as were "
        "best for AdamW in 30 s of a core."
    )
    body = f"{head}\n\n{as_markdown(columns, table)}"
    publish("optimizers", "Muon and AdamW in equal steps", body, [0])


def _said(rate: float, iterations: int) -> str:
    return f"Muon, lr {rate:g}, {iterations} iterations"


if __name__ == "__main__":
    main()
