"""What the U-Net's dropout does to quality, by strategy; what it does to coupling: coupling.md.

    python benchmarks/dropout.py --data_dir PHOTOGRAPHS [--processes 2]

Trains a small U-Net for denoising without dropout, with channel-wise dropout that is the same for a
draw on every level, and with PyTorch's element-wise dropout, whose masks are new in every pass.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from coupling import unet_with_fresh_dropout
from quiet import thrown_away
from table import as_markdown, publish
from tasks import STRATEGIES

from telegrad.networks import RestorationNetwork, UNet
from telegrad.runs import Config, run
from telegrad.runs.compose import compose

NETWORKS: dict[str, Callable[[], RestorationNetwork]] = {
    "none": lambda: UNet(16, dropout=0.0),
    "0.1, channel-wise, coupled": lambda: UNet(16, dropout=0.1),
    "0.5, channel-wise, coupled": lambda: UNet(16, dropout=0.5),
    "0.5, element-wise, fresh": unet_with_fresh_dropout,
}
COMPARED = ("single", "fullmultiscale")


def train_once(job: tuple[str, str, int, argparse.Namespace]) -> tuple[str, str, int, float, float]:
    dropout, strategy, seed, options = job
    torch.set_num_threads(options.threads)
    with thrown_away() as results:
        torch.manual_seed(seed)
        report = run(config_of(job, results))
    return dropout, strategy, seed, report.restored.mean_psnr, report.restored.mean_mse


def config_of(job: tuple[str, str, int, argparse.Namespace], results: str) -> Config:
    dropout, strategy, seed, options = job
    return compose(
        {
            "task": "paper_denoising",
            **STRATEGIES[strategy],
            "network": NETWORKS[dropout](),
            "data": "Folder",
            "data.path": options.data_dir,
            "size": options.img_size,
            "work_units": options.work_units,
            "learning_rate": options.learning_rate,
            "validation.times": 16,
            "validation.images": 128,
            "seed": seed,
            "device": "cpu",
            "out": results,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True, help="folder of photographs, train and val")
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--work_units", type=float, default=1600)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    options = parser.parse_args()

    jobs = [
        (dropout, strategy, seed, options)
        for seed in options.seeds
        for dropout in NETWORKS
        for strategy in COMPARED
    ]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done, (dropout, strategy, seed, psnr, mse) in enumerate(
            pool.imap_unordered(train_once, jobs), 1
        ):
            found.setdefault((dropout, strategy), []).append((psnr, mse))
            print(f"{done}/{len(jobs)} {dropout} {strategy} {seed}: {psnr:.2f} dB", flush=True)

    rows = []
    for dropout in NETWORKS:
        cells = []
        for strategy in COMPARED:
            runs = found[dropout, strategy]
            psnr = statistics.mean(p for p, _ in runs)
            mse = [1e3 * m for _, m in runs]
            cells.append(f"{psnr:.2f} ({statistics.mean(mse):.3f}, {min(mse):.3f}–{max(mse):.3f})")
        rows.append([dropout, *cells])
    note = (
        f"PSNR in dB; in brackets MSE·10³, mean and range over seeds. Denoising "
        f"{options.img_size}×{options.img_size} crops of {Path(options.data_dir).name}, "
        f"t ~ U(0, 0.1), unet of 16 channels, {options.work_units:,.0f} work units, Adam "
        f"{options.learning_rate:g}; batches as in tasks.md.\n"
    )
    body = f"{note}\n{as_markdown(['dropout', *COMPARED], rows)}"
    publish("dropout", "Dropout in the U-Net", body, options.seeds)


if __name__ == "__main__":
    main()
