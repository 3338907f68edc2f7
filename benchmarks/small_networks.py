"""Our two small networks, in a few sizes and learning rates, at the same time on one thread.

    python benchmarks/small_networks.py --data_dir BSDS500

Each denoises (σ = 25) with the strategy Auto and the same number of seconds of one thread for its
steps. So that other programs on the machine change nothing, seconds are those of the processor
time that a step takes, its least of several, and a run gets as much work as they buy. Rows are
written as they come, and a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from quiet import thrown_away
from table import RESULTS, as_markdown, publish, read_csv

from telegrad.data import Folder
from telegrad.inference import evaluate_model, load_model
from telegrad.networks import GatedUNet, PlainCNN
from telegrad.runs import Component, Config, Output, ValidationSettings, run
from telegrad.schedules import Auto

SIZE = 128
"""Height and width of crops, in pixels."""

NETWORKS: dict[str, tuple[type[torch.nn.Module], dict[str, int]]] = {
    "PlainCNN(channels=32)": (PlainCNN, {"channels": 32}),
    "PlainCNN(channels=48)": (PlainCNN, {"channels": 48}),
    "GatedUNet(channels=12)": (GatedUNet, {"channels": 12}),
    "GatedUNet(channels=16)": (GatedUNet, {"channels": 16}),
    "GatedUNet(channels=24, halvings=2)": (GatedUNet, {"channels": 24, "halvings": 2}),
}
RUNS = [
    ("GatedUNet(channels=16)", 1e-3),
    ("PlainCNN(channels=48)", 1e-3),
    ("GatedUNet(channels=12)", 1e-3),
    ("GatedUNet(channels=16)", 3e-3),
    ("PlainCNN(channels=32)", 1e-3),
    ("GatedUNet(channels=24, halvings=2)", 1e-3),
    ("PlainCNN(channels=48)", 3e-3),
]


def milliseconds(network: torch.nn.Module, batch: int, size: int, rounds: int = 5) -> float:
    """Least processor time of a step of one thread: forward, backward, AdamW."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    images = torch.rand(batch, 3, size, size)

    def step() -> None:
        optimizer.zero_grad()
        (network(images) - 0.5).abs().mean().backward()
        optimizer.step()

    return 1e3 * min(_seconds(step) for _ in range(rounds + 1))


def _seconds(function: Callable[[], None]) -> float:
    started = time.thread_time()
    function()
    return time.thread_time() - started


def row_of(name: str, learning_rate: float, o: argparse.Namespace) -> dict[str, object]:
    """One run, measured on crops of the images to validate on."""
    kind, arguments = NETWORKS[name]
    of_large = milliseconds(kind(**arguments), 4, SIZE)
    of_small = milliseconds(kind(**arguments), 16, 32)
    work_units = o.seconds / (of_large / 4e3)
    with thrown_away() as results:
        config = Config(
            network=Component.of("network", kind, **arguments),
            optimizer=Component.of("optimizer", "AdamW", lr=learning_rate),
            data=Folder(path=o.data_dir, size=SIZE),
            strategy=Auto(work_units=work_units),
            validation=ValidationSettings(times=2, images=8),
            output=Output(directory=str(results)),
            seed=o.seed,
        )
        config = replace(config, runtime=replace(config.runtime, device="cpu"))
        report = run(config)
        noisy, restored = evaluate_model(load_model(report.files.best), images=o.images)
    return {
        "network": name,
        "parameters": sum(p.numel() for p in kind(**arguments).parameters()),
        "learning rate": learning_rate,
        "ms, 4 of 128×128": round(of_large),
        "ms, 16 of 32×32": round(of_small),
        "steps": report.progress.iteration,
        "noisy": round(noisy.mean_psnr, 2),
        "PSNR": round(restored.mean_psnr, 2),
    }


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="folder with train and val in it")
    parser.add_argument("--seconds", type=float, default=30.0, help="of one thread, for each run")
    parser.add_argument("--images", type=int, default=32, help="crops to measure on")
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args(words)
    torch.set_num_threads(1)
    file = RESULTS / "small_networks.csv"
    made = {(r["network"], float(r["learning rate"])) for r in _rows(file)}
    for name, learning_rate in RUNS:
        if (name, learning_rate) in made:
            continue
        row = row_of(name, learning_rate, o)
        new = not file.exists()
        with file.open("a", newline="") as out:
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)
    rows = _rows(file)
    body = (
        f"Color denoising, σ = 25 on 0 … 255; crops of {SIZE}×{SIZE}; strategy Auto with the work "
        f"that {o.seconds:g} s of processor time of one thread buy. PSNR in dB, mean over "
        f"{o.images} crops. Milliseconds are of a step (forward, backward, AdamW). One seed, and a "
        "processor shared with other programs, which slows down steps by up to a half: differences "
        "of 0.2 dB say nothing.\n\n" + as_markdown(list(rows[0]), [list(r.values()) for r in rows])
    )
    publish("small_networks", "Small networks of our own", body, [o.seed])


def _rows(file: Path) -> list[dict[str, str]]:
    return read_csv(file.stem) if file.exists() else []


if __name__ == "__main__":
    main()
