"""Each of the paper's tasks by every strategy at equal work, and how their levels are coupled.

    python benchmarks/tasks.py --data_dir PHOTOGRAPHS --urban100_dir URBAN100 [--processes 2]

Trains a small network for each task, strategy and seed on random crops, with the same budget of
work units and learning rate for all strategies of a task, and measures the best model of each run
on crops of photographs it never saw. Super-resolution takes the second folder. Finished runs are
kept in --keep, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from pathlib import Path

import torch
from coupling import pairs
from quiet import quiet
from table import RESULTS, as_markdown, publish

from telegrad.data.stream import CropStream
from telegrad.inference import Model, load_model
from telegrad.runs import Config, run
from telegrad.runs.build import build_objective, build_validation, training_pyramid
from telegrad.runs.compose import compose
from telegrad.runs.picture import save_comparison

STRATEGIES: dict[str, dict] = {
    "single": {"strategy": "Single", "batch_size": 8},
    "cascadic": {"strategy": "Cascadic", "batch_sizes": [8, 8, 8, 4], "shares": [1, 2, 5, 2]},
    "multiscale": {"strategy": "Multiscale", "batch_sizes": [16, 16, 16, 2]},
    "fullmultiscale": {
        "strategy": "FullMultiscale",
        "batch_sizes": [8, 8, 8, 1],
        "shares": [1, 2, 5, 2],
    },
}
TASKS: dict[str, dict] = {
    "denoising": {"network": "ResNet", "network.channels": 32, "learning_rate": 3e-3},
    "deblurring": {"network": "ResNet", "network.channels": 32, "learning_rate": 3e-3},
    "inpainting": {"network": "ResNet", "network.channels": 32, "learning_rate": 3e-3},
    "superresolution": {"network": "SRNet", "network.channels": 32, "learning_rate": 1e-3},
}
NAMES = {
    "denoising": "Denoising",
    "deblurring": "Deblurring",
    "inpainting": "Inpainting",
    "superresolution": "Super-resolution ×2",
}
EXAMPLES = 3


def config_of(task: str, strategy: str, seed: int, options: argparse.Namespace) -> Config:
    larger = task == "superresolution"
    return compose(
        {
            "task": f"paper_{task}",
            **STRATEGIES[strategy],
            **TASKS[task],
            "data": "Folder",
            "data.path": options.urban100_dir if larger else options.data_dir,
            "size": 2 * options.img_size if larger else options.img_size,
            "work_units": options.work_units / (4 if larger else 1),
            "validation.times": 16,
            "validation.images": 128,
            "seed": seed,
            "run_id": seed,
            "device": "cpu",
            "out": str(Path(options.keep) / strategy),
            "overwrite": True,
        }
    )


def train_once(job: tuple[str, str, int, argparse.Namespace]) -> tuple[str, str, int, dict]:
    """One run: quality of its best model and of its input, seconds, and restored examples."""
    task, strategy, seed, options = job
    torch.set_num_threads(options.threads)
    kept = Path(options.keep) / f"{task}_{strategy}_{seed}.pt"
    if not kept.exists():
        with quiet():
            config = config_of(task, strategy, seed, options)
            report = run(config)
            model = load_model(report.files.best)
            images = config.build_data().source().val
            validation = build_validation(config, build_objective(config), images, "cpu")
            result = {
                "seconds": report.progress.seconds,
                "corrupted": [report.corrupted.mean_psnr, report.corrupted.mean_ssim],
                "restored": [report.restored.mean_psnr, report.restored.mean_ssim],
                "examples": validation.examples(model.network, EXAMPLES),
                "coupling": coupling(model, options.draws) if strategy == "single" else None,
            }
        torch.save(result, kept)
    return task, strategy, seed, torch.load(kept, weights_only=True)


def coupling(model: Model, draws: int) -> list[tuple[float, float, float, float]]:
    """For each pair of levels, finest first: variance ratio, optimal α, ratio with it, cosine."""
    pyramid = training_pyramid(model.config, model.config.build_data().source().train)
    (probe,) = CropStream(pyramid, seed=1000).take([draws], pyramid.grids.levels - 1)
    assert probe is not None
    draw = model.task.draw(
        **model.task.images(probe), generator=torch.Generator().manual_seed(1000)
    )
    return pairs(model.network, model.task, draw, pyramid.grids, model.task.rules)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True, help="folder of photographs, train and val")
    parser.add_argument("--urban100_dir", required=True, help="folder of Urban100's images")
    parser.add_argument("--img_size", type=int, default=64, help="doubled for super-resolution")
    parser.add_argument("--work_units", type=float, default=6400, help="in images of --img_size")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--draws", type=int, default=48, help="to measure the coupling with")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--keep", default="results/benchmark_tasks", help="of finished runs")
    options = parser.parse_args()

    Path(options.keep).mkdir(parents=True, exist_ok=True)
    jobs = [
        (t, s, seed, options) for seed in options.seeds for t in options.tasks for s in STRATEGIES
    ]
    results: dict[str, dict[str, dict[int, dict]]] = {
        task: {strategy: {} for strategy in STRATEGIES} for task in options.tasks
    }
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done, (task, strategy, seed, result) in enumerate(
            pool.imap_unordered(train_once, jobs), 1
        ):
            results[task][strategy][seed] = result
            psnr, ssim = result["restored"]
            print(f"{done}/{len(jobs)} {task} {strategy} {seed}: {psnr:.2f} {ssim:.4f}", flush=True)

    RESULTS.mkdir(exist_ok=True)
    body = [describe(options)]
    for task, strategies in results.items():
        body.append(
            f"## {NAMES[task]}\n\n{quality_table(strategies)}\n\n{coupling_table(strategies)}\n"
        )
        pictures(task, strategies, options.seeds[0])
    publish("tasks", "Every task by every strategy", "\n".join(body), options.seeds)


def describe(options: argparse.Namespace) -> str:
    size = options.img_size
    return (
        f"{options.work_units:,.0f} work units a run, counted in images of {size}×{size}; crops of "
        f"{size}×{size} of {Path(options.data_dir).name}, for super-resolution of {2 * size}×"
        f"{2 * size} of {Path(options.urban100_dir).name}; 4 levels, t ~ U(0, 0.1), Adam with one "
        f"learning rate a task. single: batch 8. cascadic: batches 8/8/8/4, 10/20/50/20 % of the "
        f"work on levels 0 … 3. multiscale: nested, 16 samples of which 2 reach the finest level. "
        f"fullmultiscale: stages as cascadic, nested, 8 samples of which 1 reaches the finest "
        f"level. PSNR and SSIM are means over 128 crops of images that were not trained on, mean "
        f"and standard deviation over seeds; seconds are medians of training alone, "
        f"{options.processes} at a time with {options.threads} thread each.\n\n"
        f"The second table of a task is of the models trained by `single`: V_l / Var g_l over "
        f"{options.draws} draws, in brackets with the optimal coefficient α, and that α.\n"
    )


def quality_table(strategies: dict[str, dict[int, dict]]) -> str:
    def mean(values: list[float], digits: int) -> str:
        deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
        return f"{statistics.mean(values):.{digits}f} ± {deviation:.{digits}f}"

    psnr, ssim = next(iter(strategies["single"].values()))["corrupted"]
    rows = [["the input itself", f"{psnr:.2f}", f"{ssim:.4f}", ""]]
    for strategy, seeds in strategies.items():
        runs = list(seeds.values())
        rows.append(
            [
                strategy,
                mean([r["restored"][0] for r in runs], 2),
                mean([r["restored"][1] for r in runs], 4),
                f"{statistics.median(r['seconds'] for r in runs):.0f}",
            ]
        )
    return as_markdown(["strategy", "PSNR, dB", "SSIM", "seconds"], rows)


def coupling_table(strategies: dict[str, dict[int, dict]]) -> str:
    runs = [result["coupling"] for result in strategies["single"].values()]
    rows = []
    for pair in range(len(runs[0])):
        ratio, alpha, best, cosine = (statistics.mean(r[pair][k] for r in runs) for k in range(4))
        finest = len(runs[0]) - pair
        rows.append(
            [
                f"{finest} and {finest - 1}",
                f"{ratio:.2f} ({best:.2f}, {alpha:.2f})",
                f"{cosine:.2f}",
            ]
        )
    return as_markdown(["levels", "V_l / Var g_l", "cosine of the mean gradients"], rows)


def pictures(task: str, strategies: dict[str, dict[int, dict]], seed: int) -> None:
    corrupted, _, clean = strategies["single"][seed]["examples"]
    restored = {name: seeds[seed]["examples"][1] for name, seeds in strategies.items()}
    columns = {"input": corrupted, **restored, "clean": clean}
    save_comparison(RESULTS / f"tasks_{task}.png", columns, NAMES[task])


if __name__ == "__main__":
    main()
