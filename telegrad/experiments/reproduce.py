"""The paper's experiments as comparisons, and their results in the form of its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from telegrad.experiments.comparison import RATE, Comparison
from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.summary import Summary
from telegrad.runs.build import build_schedule
from telegrad.runs.compose import EVERYDAY, LENGTHS

BATCH_SIZES = [128, 64, 32, 16]
"""Of the paper's MGE and full multiscale, coarsest level first."""

MODES: dict[str, dict[str, Any]] = {
    "single": {"strategy": "Single", "batch_size": sum(BATCH_SIZES)},
    "multiscale": {"strategy": "Multiscale", "batch_sizes": BATCH_SIZES, "form": "independent"},
    "fullmultiscale": {
        "strategy": "FullMultiscale",
        "batch_sizes": BATCH_SIZES,
        "form": "independent",
    },
}
"""The paper's three."""

STEPS = {"single": 2000, "multiscale": 2000, "fullmultiscale": 3750}
OF_TASK: dict[str, dict[str, Any]] = {"superresolution": {"learning_rate": 1e-3, "size": 128}}
"""Super-resolution has a rate of its own in the authors' script, and its coarsest of four levels
must be 16×16 for the window of SSIM."""

CROPS: dict[str, dict[str, Any]] = {
    "random crops": {"strategy": "ProgressivePatches", "batch_sizes": [16], "decay": 0.3},
}
"""What the paper's tables lack: crops of half the images' height and width, tuned over `RATES`."""

RATES = [5e-4, 1e-3, 2e-3, 4e-3]
"""Learning rates: the paper's, and higher ones."""

OURS: dict[str, dict[str, Any]] = {
    "auto": {"strategy": "Auto", "learning_rate": 2e-3},
    "race": {"strategy": "Race", "learning_rate": 2e-3},
}
"""What they lack too; nothing of these is tuned."""

TENTH = ", a tenth"
"""What the name of a strategy ends in that has a tenth of the work of full multiscale."""

DATASETS = {
    "denoising": "CIFAR10",
    "deblurring": "STL10",
    "inpainting": "CelebA",
    "superresolution": "Urban100",
}
"""The first dataset of each of the authors' scripts."""


def reproduction(
    scale: float = 1.0,
    tasks: Sequence[str] = tuple(DATASETS),
    networks: Sequence[str] = ("UNet", "ResNet"),
    seeds: Sequence[int] = (42,),
    own_datasets: bool = False,
    beyond: bool = False,
    **options: Any,
) -> list[Comparison]:
    """Four tasks, two networks each, three modes with the paper's batch sizes and steps.

    `single` has the paper's baseline, 240 samples a step, as many as the other modes have on all
    levels together: 2,000 steps cost 480,000 work units, MGE's 74,000, full multiscale's 28,750
    (Ahamed et al., TMLR 2026, arXiv 2501.12739).

    Args:
        scale: of all numbers of steps; 1 is the paper's.
        tasks: to be reproduced.
        networks: for super-resolution, SRNet takes UNet's place.
        seeds: one is the paper's; three or more tell differences from chance.
        own_datasets: whether each task has the dataset of the authors' script, instead of the one
            in the options.
        beyond: whether random crops, tuned over `RATES`, `auto` and `race` are made too, each for
            the work of full multiscale and for a tenth of it.
        options: of all runs, such as size, network.channels, validation.images.

    Returns:
        one comparison for super-resolution and one for the other tasks; and, `beyond` the paper,
        two others for each: the crops, and ours.

    Raises:
        ValueError: for a task that is not the paper's; a length or a strategy of the runs; a scale
            outside (0, 1], or one that leaves a stage without a step.
    """
    for task in tasks:
        if task not in DATASETS:
            raise ValueError(f"task={task}: needs one of the paper's, {', '.join(DATASETS)}.")
    if not 0 < scale <= 1:
        raise ValueError(f"scale={scale}; needs a number in (0, 1], such as 0.01.")
    if lengths := [name for name in options if EVERYDAY.get(name, name) in LENGTHS]:
        raise ValueError(f"{', '.join(lengths)}: the numbers of steps are the paper's; use scale.")
    if "strategy" in options:
        raise ValueError(
            f"strategy={options['strategy']}: the strategies are the paper's; use beyond for "
            f"others, or telegrad compare for any."
        )
    steps = {mode: round(n * scale) for mode, n in STEPS.items()}
    if steps["fullmultiscale"] < 4:
        raise ValueError(
            f"scale={scale} leaves {steps['fullmultiscale']} steps for four stages; needs 0.002 or "
            f"more."
        )
    strategies = {m: {**own, "steps": steps[m]} for m, own in MODES.items()}
    timeless = ["SRNet" if n.lower() == "unet" else n for n in networks]
    groups = [
        ([task for task in tasks if task != "superresolution"], list(networks)),
        ([task for task in tasks if task == "superresolution"], timeless),
    ]
    grid = [
        Comparison(
            tasks=[f"paper_{task}" for task in of_group],
            networks=of_networks,
            strategies=strategies,
            seeds=list(seeds),
            of_task={
                f"paper_{task}": OF_TASK.get(task, {})
                | ({"data": DATASETS[task]} if own_datasets else {})
                for task in of_group
            },
            options=options,
            equal_budgets=False,
        )
        for of_group, of_networks in groups
        if of_group
    ]
    return [*grid, *(more for paper in grid if beyond for more in _beyond(paper))]


def _beyond(paper: Comparison) -> Iterator[Comparison]:
    """The same problems by what the paper lacks."""
    full = {
        task: paper.config(Path(), (task, paper.networks[0], "fullmultiscale"), paper.seeds[0])
        for task in paper.tasks
    }
    units = build_schedule(full[paper.tasks[0]]).work_units  # those of all
    work = {"": round(units), TENTH: round(units / 10)}
    halves = {
        task: {**paper.of_task[task], "sizes": [config.build_data().crop // 2]}
        for task, config in full.items()
    }
    for named, of_task, rates in ((CROPS, halves, RATES), (OURS, paper.of_task, None)):
        strategies = {
            name + part: {**own, "work_units": of_part}
            for name, own in named.items()
            for part, of_part in work.items()
        }
        yield replace(paper, strategies=strategies, of_task=of_task, learning_rates=rates)


def paper_table(summary: Summary) -> str:
    """Strategy, work units and metric of each task and network, as in the paper's tables; and what
    these lack, seconds and peak memory. Markdown; means over seeds, what is tuned at its best."""
    lines = [
        "| task | network | strategy | work units | of single | MSE | PSNR, dB | SSIM | seconds "
        "| peak memory, MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    finished = [run for run in summary.runs if run.status == "finished"]
    problems = dict.fromkeys((run.task, run.network) for run in finished)
    for task, network in problems:
        runs = [run for run in finished if (run.task, run.network) == (task, network)]
        rows = {mode: [run for run in runs if run.mode == mode] for mode in MODES}
        rows |= dict(_tuned(runs))
        single = _mean(rows["single"], "work_units")
        for strategy, of_strategy in rows.items():
            work = _mean(of_strategy, "work_units")
            if work is None:
                continue
            part = "–" if single is None else f"1 / {single / work:.1f}"
            cells = [_shown(_mean(of_strategy, name), form) for name, form in _COLUMNS]
            lines.append(
                "| " + " | ".join([task, network, strategy, f"{work:,.0f}", part, *cells]) + " |"
            )
    return "\n".join(lines)


def _tuned(runs: Sequence[RunSummary]) -> Iterator[tuple[str, list[RunSummary]]]:
    """Of each strategy beyond the paper the runs with the learning rate that has most seeds, and of
    several the least loss; named with that rate, where several were tried."""
    by_rate: dict[str, dict[str, list[RunSummary]]] = {}
    for run in runs:
        name, _, rate = run.strategy.partition(RATE)
        by_rate.setdefault(name, {}).setdefault(rate, []).append(run)
    names = [name + part for name in (*CROPS, *OURS) for part in ("", TENTH)]
    for name, rates in ((name, by_rate[name]) for name in names if name in by_rate):
        rate = min(rates, key=lambda rate: (-len(rates[rate]), _loss(rates[rate])))
        yield name + (RATE + rate if rate else ""), rates[rate]


def _loss(runs: Sequence[RunSummary]) -> float:
    loss = _mean(runs, "valid_loss")
    return math.inf if loss is None else loss


_COLUMNS = (
    *(("mse", ".5f"), ("psnr", ".2f"), ("ssim", ".4f")),
    *(("seconds", ",.0f"), ("peak_memory", ",.0f")),
)


def _mean(runs: Sequence[RunSummary], what: str) -> float | None:
    values = [getattr(run, what) for run in runs]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
