"""The same small network, trained three times for equal seconds: with settings as papers print
them, with crops that were tuned, and by `race`, with nothing set.

    python benchmarks/demo.py                       # what `make demo` does: one seed, a picture
    python benchmarks/demo.py --seeds 0 1 2 3 4     # the sentence over seeds, benchmarks/results

Published settings are NAFNet's: AdamW at 1e-3, one cosine, crops of a good size, 128×128, eight a
step. The tuned crops are of 32×32 pixels, the size at which they did best, with the learning rate
that did best, found by a dozen runs that no one's seconds here count. `race` finds size and rate
within its seconds. Whole scenes that no training saw are restored: 256×256 pixels of each,
corrupted piece by piece as crops are in training.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from table import as_markdown, publish, write_csv
from torch import Tensor

from telegrad.bars import Bar
from telegrad.data import Photographs
from telegrad.inference import Model, load_model
from telegrad.records import RunDirectory
from telegrad.runs.picture import save_comparison

ROOT = Path(__file__).parent.parent
TASK, NETWORK, CHANNELS = "denoising", "GatedUNet", 8
"""What the crops' settings were tuned for; σ is 25, as by default."""

CROP, SCENE = 128, 256
"""Height and width, in pixels, of what is trained on, and of the scenes that are shown."""

CLIP = 0.01
"""Largest norm of a gradient, for all: Restormer's and NAFNet's."""

VALIDATED = 32
"""Crops of a validation: the same for all, whatever time each has for them."""

BATCH = 8
"""Crops a step."""

WAYS: dict[str, dict[str, object]] = {
    "published": {"learning_rate": 1e-3, "sizes": 128},
    "tuned": {"learning_rate": 6e-3, "sizes": 32, "decay": 0.3},
    "telegrad": {},
}
"""Options of each way. Without a decay the rate falls along one cosine."""

NAMES = {"published": "published settings", "tuned": "tuned crops", "telegrad": "telegrad"}

BY_PROCESSOR = """
import sys, time
time.perf_counter = time.process_time
from telegrad.cli.main import main
sys.exit(main())
"""
"""The command line with seconds of its core in place of the clock's: three ways may share two."""


@dataclass(frozen=True)
class Trained:
    """One way, and what came of it.

    Attributes:
        model: the best one.
        seconds: with validations.
        curve: seconds of steps and PSNR in dB, at each validation.
    """

    model: Model
    seconds: float
    curve: list[tuple[float, float]]

    @classmethod
    def at(cls, files: RunDirectory) -> Trained:
        """A finished run."""
        with files.progress.open(newline="") as file:
            rows = [(float(r["seconds"]), float(r["valid_psnr"])) for r in csv.DictReader(file)]
        seconds = json.loads(files.report.read_text())["wall_seconds"]
        return cls(load_model(files.best), seconds, rows)


def command_of(way: str, seed: int, out: Path, o: argparse.Namespace) -> list[str]:
    """Of one way; fixed crops are progressive patches of one size."""
    options = {
        "network": NETWORK,
        "network.channels": CHANNELS,
        "size": CROP,
        "budget": f"{o.seconds:g}s",
        "device": "cpu",
        "seed": seed,
        "out": out,
        "clip": CLIP,
        "validation.images": VALIDATED,
        "strategy": "Race",
    }
    if way != "telegrad":
        options |= {"strategy": "ProgressivePatches", "batch_sizes": BATCH, **WAYS[way]}
    words = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-c", BY_PROCESSOR, "train", TASK, *words]


def trained_side_by_side(seed: int, o: argparse.Namespace) -> dict[str, Trained]:
    """All ways at once, each on one thread, by the seconds of its core."""
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as results, ExitStack() as stack:
        runs = {}
        for way in WAYS:
            out = Path(results, way)
            said = stack.enter_context(Path(results, f"{way}.txt").open("w+"))
            command = command_of(way, seed, out, o)
            runs[way] = subprocess.Popen(command, env=one_thread, stdout=said, stderr=said)
        total = round(o.seconds * max(1.0, len(WAYS) / (os.cpu_count() or 1)))
        bar = Bar(total=total, desc=f"three ways at once, seed {seed}", unit="s", leave=False)
        while any(run.poll() is None for run in runs.values()):
            time.sleep(1)
            bar.update()
        bar.close()
        for way, run in runs.items():
            if run.returncode:
                raise SystemExit(Path(results, f"{way}.txt").read_text())
        places = {way: next(Path(results, way, "runs").iterdir()) for way in WAYS}
        return {way: Trained.at(RunDirectory.at(place)) for way, place in places.items()}


def scenes(model: Model, seed: int) -> tuple[Tensor, Tensor]:
    """The four scenes to validate on, (4, 3, 256, 256) in [0, 1]: corrupted, and clean."""
    generator = torch.Generator().manual_seed(seed)
    task, pieces, clean = model.task, [], []
    for image in Photographs().source().val:
        pixels = torch.tensor(image.open()).permute(2, 0, 1).float() / 255
        top, left = ((n - SCENE) // 2 for n in pixels.shape[-2:])
        scene = pixels[:, top : top + SCENE, left : left + SCENE]
        tiles = scene.unfold(1, CROP, CROP).unfold(2, CROP, CROP).permute(1, 2, 0, 3, 4)
        observed = task.observe(task.draw(tiles.flatten(0, 1).contiguous(), generator))
        k = SCENE // CROP
        whole = observed.view(k, k, 3, CROP, CROP).permute(2, 0, 3, 1, 4).reshape(3, SCENE, SCENE)
        pieces.append(whole)
        clean.append(scene)
    return torch.stack(pieces), torch.stack(clean)


def decibels(images: Tensor, clean: Tensor) -> float:
    """PSNR, the mean over images."""
    errors = (images.clamp(0, 1) - clean).square().mean((1, 2, 3))
    return float((-10 * errors.log10()).mean())


def speed_up(usual: Trained, other: Trained) -> float | None:
    """How many times fewer seconds the other took to the best PSNR of the usual way, on crops."""
    best_at, best = max(usual.curve, key=lambda point: point[1])
    reached = [seconds for seconds, psnr in other.curve if psnr >= best]
    return best_at / reached[0] if reached else None


def compared(seed: int, o: argparse.Namespace) -> tuple[dict[str, object], dict[str, Tensor]]:
    """All ways with one seed: figures, and scenes by name."""
    made = trained_side_by_side(seed, o)
    corrupted, clean = scenes(made["telegrad"].model, seed)
    with torch.no_grad():
        restored = {way: one.model.restored(corrupted) for way, one in made.items()}
    named = {NAMES[way]: images for way, images in restored.items()}
    row: dict[str, object] = {"seed": seed, "corrupted": round(decibels(corrupted, clean), 2)}
    for way, images in restored.items():
        row[way] = round(decibels(images, clean), 2)
    for way in ("published", "tuned"):
        times = speed_up(made[way], made["telegrad"])
        row[f"times fewer seconds than {way}"] = None if times is None else round(times, 1)
    for way, one in made.items():
        row[f"seconds, {way}"] = round(one.seconds, 1)
    return row, {"corrupted": corrupted, **named, "clean": clean}


def title(o: argparse.Namespace) -> str:
    """What is trained, for how long."""
    return f"Denoising, σ = 25, {o.seconds:g} s of a core each"


def sentence(row: dict[str, object], o: argparse.Namespace) -> str:
    """What it came to."""
    times = row["times fewer seconds than published"]
    sooner = f", which telegrad reached {times:g} times sooner" if times is not None else ""
    return (
        f"{title(o)}: telegrad, nothing set, "
        f"{row['telegrad']:.2f} dB; published settings {row['published']:.2f} dB{sooner}; crops "
        f"tuned by a dozen runs {row['tuned']:.2f} dB."
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=50.0, help="of a core, for each way")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--picture", type=Path, default=Path("results/demo.png"))
    parser.add_argument("--docs", action="store_true", help="the picture goes to docs/images too")
    o = parser.parse_args(words)
    started, rows = time.perf_counter(), []
    for seed in o.seeds:
        row, columns = compared(seed, o)
        rows.append(row)
        print(sentence(row, o), flush=True)
        if seed == o.seeds[0]:
            pictures = [o.picture, *([ROOT / "docs/images/demo.jpg"] if o.docs else [])]
            for path in pictures:
                path.parent.mkdir(parents=True, exist_ok=True)
                save_comparison(path, columns, title=title(o))
                print(f"Picture  {path}")
    if len(rows) > 1:
        write_results(rows, o)
    print(f"{time.perf_counter() - started:.0f} s in all. {sentence(rows[0], o)}")


def write_results(rows: list[dict[str, object]], o: argparse.Namespace) -> None:
    """The table over seeds."""
    write_csv("demo", rows)

    def middle(name: str) -> str:
        values = [float(str(r[name])) for r in rows if r[name] is not None]
        if not values:
            return "–"
        return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"

    body = (
        f"Denoising, σ = 25; {NETWORK} of {CHANNELS} channels; crops of {CROP}×{CROP} of the "
        f"built-in photographs; {o.seconds:g} s of a core for each way, a tenth of it for "
        f"validations, all three at once on one thread each. Published "
        f"settings: crops of 128×128, {BATCH} a step, AdamW at 1e-3, one cosine. Tuned crops: "
        f"32×32, {BATCH} a step, 6e-3, falling linearly over the last 30 %. PSNR in dB, the "
        f"mean over four scenes that no training saw, 256×256 of each. Times fewer seconds: of "
        f"steps, until telegrad's PSNR on validation crops reached the other's best.\n\n"
        f"Median (least–most) of {len(rows)} seeds: published settings {middle('published')} dB, "
        f"telegrad {middle('telegrad')} dB, tuned crops {middle('tuned')} dB; times fewer seconds "
        f"{middle('times fewer seconds than published')} than published settings, "
        f"{middle('times fewer seconds than tuned')} than tuned crops, to their best.\n\n"
        + as_markdown(list(rows[0]), [["–" if v is None else v for v in r.values()] for r in rows])
    )
    publish("demo", "Two minutes: the demonstration over seeds", body, o.seeds)


if __name__ == "__main__":
    main()
