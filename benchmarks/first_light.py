"""Does it pay? Validation loss at equal work: single-scale, cascadic, multiscale, full multiscale.

    python benchmarks/first_light.py --data_dir FOLDER [--t_max 0.1] [--processes 2]

Trains every strategy with several seeds on random crops of photographs, each with the same budget
of work units, learning rate and network, and writes validation losses over work and over seconds.
Without --data_dir the built-in photographs are used.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import statistics
from pathlib import Path

import torch
from quiet import thrown_away
from table import RESULTS, as_markdown, publish

from telegrad.runs import Config, run
from telegrad.runs.compose import compose

PAPER = {"batch_sizes": [128, 64, 32, 16]}
STRATEGIES: dict[str, dict] = {
    "single, batch 4": {"strategy": "Single", "batch_size": 4},
    "single, batch 8": {"strategy": "Single", "batch_size": 8},
    "single, batch 16": {"strategy": "Single", "batch_size": 16},
    "cascadic, paper's stages and batches": {"strategy": "Cascadic", **PAPER},
    "cascadic, batch 4, work 10/20/50/20 %": {
        "strategy": "Cascadic",
        "batch_sizes": [8, 8, 8, 4],
        "shares": [1, 2, 5, 2],
    },
    "multiscale, paper's, every second pixel": {
        "strategy": "Multiscale",
        "form": "independent",
        "restriction": "injection",
        **PAPER,
    },
    "multiscale, paper's batches, nested": {"strategy": "Multiscale", **PAPER},
    "multiscale, nested 16/2": {"strategy": "Multiscale", "batch_sizes": [16, 16, 16, 2]},
    "full multiscale, paper's, every second pixel": {
        "strategy": "FullMultiscale",
        "form": "independent",
        "restriction": "injection",
        **PAPER,
    },
    "full multiscale, paper's batches, nested": {"strategy": "FullMultiscale", **PAPER},
    "full multiscale, nested 8/1, work 10/20/50/20 %": {
        "strategy": "FullMultiscale",
        "batch_sizes": [8, 8, 8, 1],
        "shares": [1, 2, 5, 2],
    },
}


def train_once(job: tuple[str, int, argparse.Namespace]) -> tuple[str, int, list[dict[str, float]]]:
    """One run; the rows of its progress."""
    strategy, seed, options = job
    torch.set_num_threads(options.threads)
    with thrown_away() as results, run(config_of(job, results)).files.progress.open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return strategy, seed, rows


def config_of(job: tuple[str, int, argparse.Namespace], results: str) -> Config:
    strategy, seed, options = job
    data = {"data": "Folder", "data.path": options.data_dir} if options.data_dir else {}
    return compose(
        {
            "task": "paper_denoising",
            **STRATEGIES[strategy],
            **data,
            "network": options.network,
            "network.channels": options.channels,
            "size": options.img_size,
            "work_units": options.work_units,
            "t_max": options.t_max,
            "learning_rate": options.learning_rate,
            "validation.times": 32,
            "validation.images": 128,
            "seed": seed,
            "device": "cpu",
            "out": results,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", help="folder of images with train and val")
    parser.add_argument("--network", default="resnet")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--work_units", type=float, default=6400)
    parser.add_argument("--t_max", type=float, default=0.1)
    parser.add_argument("--learning_rate", type=float, default=3e-3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--name", default="first_light", help="of the result")
    options = parser.parse_args()

    jobs = [(strategy, seed, options) for seed in options.seeds for strategy in STRATEGIES]
    runs: dict[str, dict[int, list[dict[str, float]]]] = {name: {} for name in STRATEGIES}
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done, (strategy, seed, rows) in enumerate(pool.imap_unordered(train_once, jobs), 1):
            runs[strategy][seed] = rows
            print(f"{done}/{len(jobs)}", strategy, seed, rows[-1]["valid_loss"], flush=True)

    RESULTS.mkdir(exist_ok=True)
    curves = {
        name: {
            seed: [[r["work_units"], r["seconds"], r["valid_loss"], r["valid_psnr"]] for r in rows]
            for seed, rows in sorted(of_seeds.items())
        }
        for name, of_seeds in runs.items()
    }
    (RESULTS / f"{options.name}.json").write_text(json.dumps(curves, indent=1) + "\n")
    plot(curves, RESULTS / f"{options.name}.png")
    publish(
        options.name, f"First light: {describe(options)}", summarise(runs, options), options.seeds
    )


def describe(options: argparse.Namespace) -> str:
    data = Path(options.data_dir).name if options.data_dir else "built-in photographs"
    return (
        f"denoising {options.img_size}×{options.img_size} crops of {data}, "
        f"t ~ U(0, {options.t_max:g}), {options.network} of {options.channels} channels, "
        f"{options.work_units:,.0f} work units, Adam {options.learning_rate:g}"
    )


def summarise(
    runs: dict[str, dict[int, list[dict[str, float]]]], options: argparse.Namespace
) -> str:
    """Per strategy: final loss over seeds, and the work and time to match the best single-scale."""
    last = {name: [rows[-1] for rows in seeds.values()] for name, seeds in runs.items()}
    singles = [name for name in runs if name.startswith("single")]

    def loss(name: str) -> float:
        return statistics.mean(row["valid_loss"] for row in last[name])

    best_single = min(singles, key=loss)
    target = loss(best_single)
    table = []
    for name, finals in last.items():
        losses = [row["valid_loss"] for row in finals]
        reached = [
            next(((r["work_units"], r["seconds"]) for r in rows if r["valid_loss"] <= target), None)
            for rows in runs[name].values()
        ]
        when = "not reached"
        if all(reached):
            work = statistics.median(r[0] for r in reached if r)
            seconds = statistics.median(r[1] for r in reached if r)
            when = f"{work:,.0f} WU, {seconds:.0f} s"
        deviation = statistics.stdev(losses) if len(losses) > 1 else float("nan")
        table.append(
            [
                name,
                f"{1e3 * statistics.mean(losses):.3f} ± {1e3 * deviation:.3f}",
                f"{statistics.mean(row['valid_psnr'] for row in finals):.2f}",
                f"{statistics.median(row['seconds'] for row in finals):.0f}",
                when,
            ]
        )
    columns = [
        "strategy",
        "val. MSE·10³, mean ± s.d.",
        "PSNR, dB",
        "seconds",
        f"first as good as {best_single}",
    ]
    note = (
        f"Mean and standard deviation over seeds; seconds are medians, of training alone, "
        f"{options.processes} runs at a time with {options.threads} thread each.\n\n"
    )
    return note + as_markdown(columns, table)


def plot(curves: dict, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained", dpi=110)
    axes = figure.subplots(1, 2, sharey=True)
    for k, (name, seeds) in enumerate(curves.items()):
        style = "--" if name.startswith("single") else "-"
        for column, axis in enumerate(axes):
            for n, rows in enumerate(seeds.values()):
                x, y = [r[column] for r in rows], [r[2] for r in rows]
                label = name if n == 0 else None
                axis.plot(x, y, style, color=f"C{k % 10}", lw=1, alpha=0.8, label=label)
    for axis, label in zip(axes, ("work units", "seconds of training"), strict=True):
        axis.set(xlabel=label, yscale="log")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("validation MSE")
    final = min(min(r[-1][2] for r in seeds.values()) for seeds in curves.values())
    axes[0].set_ylim(0.95 * final, 3.5 * final)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path)


if __name__ == "__main__":
    main()
