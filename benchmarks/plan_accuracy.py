"""What `plan` foretells, beside what the runs then take.

    python benchmarks/plan_accuracy.py [--seconds 30]

Every run is planned, then made with as much work as the plan has, each in a process of its own.
Seconds are of steps, validations and (in what was taken) saves; memory is that of the process at
its peak. A run foretells nothing (–) where timing its steps would take more than 1 % of its work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
from typing import Any

import torch
from quiet import thrown_away
from table import as_markdown, publish

from telegrad.runs import Config, plan, run
from telegrad.runs.compose import compose

RESNET = {"network": "ResNet", "network.channels": 32}
UNET = {"network": "UNet", "network.channels": 16}
RUNS: dict[str, dict[str, Any]] = {
    "single, ResNet 32": {**RESNET, "strategy": "Single"},
    "full multiscale, U-Net 16": {**UNET, "strategy": "FullMultiscale", "batch_size": 4},
    "multiscale, inpainting": {
        **RESNET,
        "task": "paper_inpainting",
        "strategy": "Multiscale",
        "batch_size": 4,
    },
    "cascadic, SRNet": {
        "task": "paper_superresolution",
        "network": "SRNet",
        "strategy": "Cascadic",
        "batch_size": 4,
    },
    "auto, deblurring": {**RESNET, "task": "paper_deblurring", "strategy": "Auto"},
    "growing patches, U-Net 16": {**UNET, "strategy": "GrowingPatches", "batch_size": 4},
    "auto, 128×128": {**RESNET, "strategy": "Auto", "size": 128},
}


def config_of(name: str, options: argparse.Namespace, results: str, **how_long: Any) -> Config:
    return compose(
        {
            **RUNS[name],
            **how_long,
            "validation.times": options.validations,
            "validation.images": 32,
            "out": results,
        }
    )


def planned(name: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Work units of a run that is to take so many seconds; seconds and MiB planned for it."""
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as results:
        expected = plan(config_of(name, options, results, budget=f"{options.seconds:g}s"))
    return expected.schedule.work_units, expected.seconds, expected.peak_memory or 0.0


def made(
    name: str, work_units: float, seed: int, options: argparse.Namespace
) -> tuple[float | None, float, float]:
    """Seconds that the run itself foretold when it began, that it took, and its MiB."""
    torch.set_num_threads(options.threads)
    with thrown_away() as results:
        config = config_of(name, options, results, work_units=work_units, seed=seed)
        report = run(config)
    return report.estimated_seconds, report.wall_seconds, report.peak_memory or 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30, help="of each run")
    parser.add_argument("--validations", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    rows: list[list[str]] = []
    off: list[float] = []
    for name in RUNS:
        for seed in options.seeds:
            with context.Pool(1) as alone:
                work_units, seconds, memory = alone.apply(planned, (name, options))
            with context.Pool(1) as alone:
                foretold, took, used = alone.apply(made, (name, work_units, seed, options))
            off.append(took / seconds - 1)
            rows.append(
                [
                    *(name, f"{work_units:,.0f}", f"{seconds:.1f}"),
                    "–" if foretold is None else f"{foretold:.1f}",
                    *(f"{took:.1f}", f"{100 * off[-1]:+.0f} %", f"{memory:,.0f}", f"{used:,.0f}"),
                ]
            )
            print(rows[-1], flush=True)
    within = sum(abs(x) <= 0.15 for x in off)
    median = statistics.median(map(abs, off))
    columns = [
        *("run", "work units", "planned, s", "foretold by the run, s", "taken, s"),
        *("taken − planned", "planned, MiB", "peak, MiB"),
    ]
    body = (
        f"Runs of about {options.seconds:g} s on {options.threads} threads. Of {len(off)} runs "
        f"{within} took within 15 % of what `plan` had said; half of them within "
        f"{100 * median:.0f} %, all between {100 * min(off):+.0f} and {100 * max(off):+.0f} %.\n\n"
        f"{as_markdown(columns, rows)}"
    )
    publish("plan_accuracy", "What plan foretells", body, options.seeds)


if __name__ == "__main__":
    main()
