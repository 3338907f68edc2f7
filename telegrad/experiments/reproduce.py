"""The paper's experiments as comparisons, and their results in the form of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telegrad.experiments.comparison import Comparison
from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.summary import Summary
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
        options: of all runs, such as size, network.channels, validation.images.

    Returns:
        one comparison for super-resolution and one for the other tasks.

    Raises:
        ValueError: for a task that is not the paper's; a length of the runs; a scale outside
            (0, 1], or one that leaves a stage without a step.
    """
    for task in tasks:
        if task not in DATASETS:
            raise ValueError(f"task={task}: needs one of the paper's, {', '.join(DATASETS)}.")
    if not 0 < scale <= 1:
        raise ValueError(f"scale={scale}; needs a number in (0, 1], such as 0.01.")
    if lengths := [name for name in options if EVERYDAY.get(name, name) in LENGTHS]:
        raise ValueError(f"{', '.join(lengths)}: the numbers of steps are the paper's; use scale.")
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
    return [
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


def paper_table(summary: Summary) -> str:
    """Strategy, work units and metric of each task and network, as in the paper's tables; and what
    these lack, seconds and peak memory. Markdown; means over seeds."""
    lines = [
        "| task | network | strategy | work units | of single | MSE | PSNR, dB | SSIM | seconds "
        "| peak memory, MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    finished = [run for run in summary.runs if run.status == "finished"]
    problems = dict.fromkeys((run.task, run.network) for run in finished)
    for task, network in problems:
        runs = [run for run in finished if (run.task, run.network) == (task, network)]
        single = _mean(runs, "single", "work_units")
        for mode in MODES:
            work = _mean(runs, mode, "work_units")
            if work is None:
                continue
            part = "–" if single is None else f"1 / {single / work:.1f}"
            cells = [_shown(_mean(runs, mode, name), form) for name, form in _COLUMNS]
            lines.append(
                "| " + " | ".join([task, network, mode, f"{work:,.0f}", part, *cells]) + " |"
            )
    return "\n".join(lines)


_COLUMNS = (
    *(("mse", ".5f"), ("psnr", ".2f"), ("ssim", ".4f")),
    *(("seconds", ",.0f"), ("peak_memory", ",.0f")),
)


def _mean(runs: Sequence[RunSummary], mode: str, what: str) -> float | None:
    values = [getattr(run, what) for run in runs if run.mode == mode]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
