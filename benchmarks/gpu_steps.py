"""What a training step takes on a GPU by number and size of crops, with and without CUDA graphs.

    python benchmarks/gpu_steps.py --photographs BSDS500

Steps are whole: crops, passes, update, moving average. Each kind is timed after a warm-up, the
median of some steps; what the first one takes beside, in which a shape is recorded, stands apart. A
second table is of updates alone: AdamW's, Muon's, and Muon's without its CUDA graph.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from contenders import ADAMW, CLIP, MUON, NAFNET_32, SWINIR_LIGHT, UNET_32
from quiet import quiet
from table import as_markdown, publish

from telegrad.optimizers.orthogonal import orthogonal_updates
from telegrad.records import NoRecords, RunDirectory
from telegrad.runs.compose import compose
from telegrad.runs.running import prepare
from telegrad.schedules import Schedule, Stage
from telegrad.training.loop import take_step

NETWORKS: dict[str, dict[str, Any]] = {
    "NAFNet, width 32": NAFNET_32,
    "GatedUNet, 32 channels": UNET_32,
    "SwinIR, light": SWINIR_LIGHT,
}
SHAPES = (8, 32), (128, 32), (32, 64), (8, 128), (32, 128)
WARM_UP = 3


def steps(options: dict[str, Any], timed: int) -> Iterator[tuple[float, float, float]]:
    """Of each shape: seconds of the first step, of a later one, and GiB at most until then."""
    with quiet():
        prepared = prepare(compose(options))
    unwritten = NoRecords(RunDirectory("", ""))
    grids = prepared.state.schedule.grids
    for n, size in SHAPES:
        stage = Stage(sys.maxsize, 0, (n,), shape=(size, size))
        prepared.state.schedule = Schedule(grids, (stage,), patches=1.0)
        prepared.state.train()
        taken = []
        for _ in range(WARM_UP + timed):
            started = time.perf_counter()
            take_step(prepared.fabric, prepared.state, prepared.objective, unwritten)
            taken.append(time.perf_counter() - started)
        most = torch.cuda.max_memory_allocated() / 2**30
        yield taken[0], statistics.median(taken[WARM_UP:]), most


def update_times(options: dict[str, Any], timed: int) -> list[float]:
    """Seconds of an update by AdamW, by Muon, and by Muon without its graph; medians."""
    found = []
    for optimizer, recorded in ((ADAMW, True), (MUON, True), (MUON, False)):
        with quiet():
            state = prepare(compose({**options, "optimizer": optimizer})).state
        if not recorded:
            state.optimizer.optimizer.orthogonal_updates = orthogonal_updates
        for p in state.network.parameters():
            p.grad = torch.randn_like(p)
        taken = []
        for _ in range(WARM_UP + timed):
            torch.cuda.synchronize()
            started = time.perf_counter()
            state.optimizer.step()
            torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
        found.append(statistics.median(taken[WARM_UP:]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", required=True, help="folder of images")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each kind")
    o = parser.parse_args()
    rows, updates = [], []
    for network in o.networks:
        with tempfile.TemporaryDirectory() as out:
            options = options_of(network, o, out)
            found = []
            for graphs in (False, True):
                torch.cuda.reset_peak_memory_stats()
                found.append(list(steps({**options, "runtime.cuda_graphs": graphs}, o.steps)))
            updates.append([network, *(f"{1e3 * s:.2f}" for s in update_times(options, o.steps))])
        for (n, size), without, within in zip(SHAPES, *found, strict=True):
            rows.append(
                [
                    *(network, f"{n} of {size}×{size}"),
                    *(f"{1e3 * without[1]:.1f}", f"{1e3 * within[1]:.1f}"),
                    f"{without[1] / within[1]:.1f}",
                    *(f"{without[0]:.1f}", f"{within[0]:.1f}"),
                    *(f"{without[2]:.1f}", f"{within[2]:.1f}"),
                ]
            )
        write(rows, updates, o)


def options_of(network: str, o: argparse.Namespace, out: str) -> dict[str, Any]:
    """Of a run."""
    return {
        "task": "Denoising",
        "task.sigma": 25,
        **NETWORKS[network],
        "data": "Folder",
        "data.path": o.photographs,
        "size": 128,
        "strategy": "Single",
        "strategy.levels": 1,
        "steps": 10**6,
        "device": "cuda",
        "runtime.precision": o.precision,
        "update.clip": CLIP,
        "validation.images": 8,
        "out": out,
    }


def write(rows: list[list[str]], updates: list[list[str]], o: argparse.Namespace) -> None:
    """The tables of what has been timed until now."""
    columns = (
        "network, crops, step ms, with graphs ms, times faster, first step s, with graphs s, "
        "memory GiB, with graphs GiB"
    )
    of_updates = "network, AdamW ms, Muon ms, Muon without its graph ms"
    body = (
        f"Colour denoising, {o.precision}, AdamW, clipped, moving average; medians of {o.steps} "
        f"steps. Memory is the most until then, so that with graphs it grows from row to row of a "
        f"network: each shape keeps its own. The first step without graphs also loads kernels.\n\n"
        + as_markdown(columns.split(", "), rows)
        + "\n\nUpdates alone:\n\n"
        + as_markdown(of_updates.split(", "), updates)
    )
    publish("gpu_steps", "Steps on a GPU", body, [42])


if __name__ == "__main__":
    main()
