"""Whole or in tiles? Quality of large images restored by networks trained on small crops.

    python benchmarks/tiles.py --data_dir PHOTOGRAPHS

Trains a ResNet and a U-Net on crops and restores whole photographs with noise, in one piece and in
blended tiles. The last column looks for seams: the mean step of the restored image's error across
the edges of tiles, over its mean step anywhere.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from quiet import quiet
from table import as_markdown, publish
from torch import Tensor

from telegrad.data.image_files import read_picture
from telegrad.data.image_folder import images_in
from telegrad.inference import load_model, restore_image
from telegrad.runs import Config, run
from telegrad.runs.compose import compose

NETWORKS = {
    "resnet": {"network.channels": 32},
    "unet": {"network.channels": 16, "network.dropout": 0.0},
}


def psnr(a: Tensor, b: Tensor) -> float:
    return 10 * torch.log10(4 / (a - b).square().mean()).item()


def seams(error: Tensor, tile: int) -> float:
    """Mean |difference| of neighbouring columns where tiles begin or end, over that anywhere."""
    steps = error.diff(dim=-1).abs().mean((0, 1))
    overlap, width = max(tile // 8, min(tile // 2, 32)), error.shape[-1]
    starts = [*range(0, width - tile, tile - overlap), width - tile]
    edges = {edge for s in starts for edge in (s, s + tile) if 0 < edge < width}
    return (steps[[edge - 1 for edge in edges]].mean() / steps.mean()).item()


def config_of(network: str, options: argparse.Namespace, results: str) -> Config:
    return compose(
        {
            "task": "paper_denoising",
            "strategy": "Cascadic",
            "network": network,
            **NETWORKS[network],
            "data": "Folder",
            "data.path": options.data_dir,
            "size": options.img_size,
            "batch_sizes": [8, 8, 8, 4],
            "shares": [1, 2, 5, 2],
            "work_units": options.work_units,
            "t_max": 0.3,
            "learning_rate": 1e-3,
            "validation.times": 8,
            "seed": options.seed,
            "out": results,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True, help="folder of photographs, train and val")
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--work_units", type=float, default=1600)
    parser.add_argument("--tiles", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--noise", type=float, default=0.15, help="on images in [-1, 1]")
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rows = []
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as results:
            config = config_of(network, options, results)
            with quiet():
                model = load_model(run(config).files.best)
        generator = torch.Generator().manual_seed(options.seed)
        found: dict[str, list[tuple[float, float, float]]] = {}
        for file in images_in(Path(options.data_dir) / "val")[: options.images]:
            clean = read_picture(file).rgb * 2 - 1
            noisy = clean + options.noise * torch.randn(clean.shape, generator=generator)
            whole = restore_image(model, noisy, options.noise, tile=4096)
            found.setdefault("whole", []).append((psnr(whole, clean), 0.0, 1.0))
            for tile in options.tiles:
                tiled = restore_image(model, noisy, options.noise, tile)
                found.setdefault(f"{tile}", []).append(
                    (psnr(tiled, clean), psnr(tiled, whole), seams(tiled - clean, tile))
                )
        for tile, values in found.items():
            quality, against, seam = (statistics.mean(v[k] for v in values) for k in range(3))
            same = "" if tile == "whole" else f"{against:.1f}"
            seam_text = "" if tile == "whole" else f"{seam:.3f}"
            rows.append([network, tile, f"{quality:.2f}", same, seam_text])
            print(rows[-1], flush=True)
    note = (
        f"{options.images} photographs of {Path(options.data_dir).name}, noise of standard "
        f"deviation {options.noise:g} on [−1, 1]; networks trained on crops of "
        f"{options.img_size}×{options.img_size} for {options.work_units:,.0f} work units.\n"
    )
    columns = [
        "network",
        "tile, pixels",
        "PSNR, dB",
        "PSNR against whole, dB",
        "step at edges / anywhere",
    ]
    publish(
        "tiles",
        "Images whole and in tiles",
        f"{note}\n{as_markdown(columns, rows)}",
        [options.seed],
    )


if __name__ == "__main__":
    main()
