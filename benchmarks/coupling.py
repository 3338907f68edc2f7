"""How well neighbouring levels are coupled: the variance of the correction by rule of restriction.

    python benchmarks/coupling.py --data_dir FOLDER [--t_max 1]

Trains a network on the finest level and, at several steps, takes the gradients of single draws on
every level. The table holds V_l / Var g_l = tr Cov(g_l − g_{l−1}) / tr Cov(g_l): the paper's
estimator saves work at a pair of levels where it is small, and costs work where it is large.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping
from typing import Any

import torch
from table import as_markdown, publish

from telegrad import CoupledDropout, GridHierarchy, level_statistics
from telegrad.data import Folder, Photographs
from telegrad.data.pyramid import Pyramid, build_pyramid
from telegrad.data.stream import CropStream
from telegrad.networks import ResNet, UNet
from telegrad.tasks import Draw, PaperDenoising, Task

RULES: dict[str, Mapping[Any, Any]] = {
    "every second pixel": {"clean": "injection", "noise": "injection"},
    "averaged noisy image": {"clean": "averaging", "noise": "averaging"},
    "averaged, fresh noise": {
        "clean": "averaging",
        "noise": lambda z: torch.randn(z[..., ::2, ::2].shape),
    },
    "averaged, noise rescaled (ours)": {"clean": "averaging", "noise": "white_noise"},
}


def pairs(
    network: torch.nn.Module,
    task: Task,
    draw: Draw,
    grids: GridHierarchy,
    rule: Mapping[Any, Any],
) -> list[tuple[float, float, float, float]]:
    """From the finest pair down: variance ratio, optimal α, ratio with it, cosine of the means."""
    measured = level_statistics(
        lambda draw: task.losses(network, draw),
        draw,
        grids,
        network.parameters(),
        restriction=rule,
        timing=0,
    )
    plain, best = measured.correction_variance(), measured.correction_variance(measured.alphas)

    def product(a: int, b: int) -> float:
        """⟨ḡ_a, ḡ_b⟩ of the means over the draws."""
        return measured.mean_products[a][b] + measured.covariance[a][b] / measured.draws

    return [
        (
            plain[level] / measured.variance[level],
            measured.alphas[level - 1],
            best[level] / measured.variance[level],
            product(level, level - 1)
            / math.sqrt(product(level, level) * product(level - 1, level - 1)),
        )
        for level in reversed(range(1, grids.levels))
    ]


def measure(
    make: Any, pyramid: Pyramid, options: argparse.Namespace, seed: int
) -> dict[tuple[int, str], list[tuple[float, float, float, float]]]:
    """One training run with measurements: (step, rule) → pairs."""
    task, grids = PaperDenoising(t_max=options.t_max), pyramid.grids
    torch.manual_seed(seed)
    network = make()
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    noise, stream = torch.Generator().manual_seed(seed), CropStream(pyramid, seed)
    probe_crops = CropStream(pyramid, seed + 1000).take([options.draws], grids.levels - 1)[0]
    assert probe_crops is not None
    probe = task.draw(
        **task.images(probe_crops), generator=torch.Generator().manual_seed(seed + 1000)
    )
    found = {}
    for step in range(1, max(options.steps) + 1):
        (crops,) = stream.take([options.batch_size], grids.levels - 1)
        assert crops is not None
        optimizer.zero_grad()
        task.losses(network, task.draw(**task.images(crops), generator=noise)).mean().backward()
        optimizer.step()
        if step in options.steps:
            for rule, kinds in RULES.items():
                found[step, rule] = pairs(network, task, probe, grids, kinds)
                print(seed, step, rule, [f"{p[0]:.3f}" for p in found[step, rule]], flush=True)
    return found


class FreshDropout(torch.nn.Dropout):
    """Element-wise dropout with masks of its own in every pass."""


def unet_with_fresh_dropout() -> UNet:
    network = UNet(16)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, CoupledDropout):
                setattr(module, name, FreshDropout(child.p))
    return network


NETWORKS = {
    "resnet, 32 channels": lambda: ResNet(32),
    "resnet, 32 channels, without the input added": lambda: ResNet(32, residual=False),
    "unet, 16 channels, no dropout": lambda: UNet(16, dropout=0.0),
    "unet, 16 channels, dropout 0.5, coupled": lambda: UNet(16),
    "unet, 16 channels, dropout 0.5, element-wise and fresh": unet_with_fresh_dropout,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", help="folder of images with train and val")
    parser.add_argument("--t_max", type=float, default=1.0)
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--learning_rate", type=float, default=3e-3)
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 200, 600])
    parser.add_argument("--draws", type=int, default=48)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--name", default="coupling")
    options = parser.parse_args()

    data = Folder(path=options.data_dir) if options.data_dir else Photographs()
    source = data.source()
    grids = GridHierarchy((options.img_size, options.img_size), options.levels)
    pyramid = build_pyramid(source.train, grids)
    names = ["finest pair", *(f"pair {k} below" for k in range(1, options.levels - 1))]
    body = [
        f"V_l / Var g_l over {options.draws} draws (mean of {len(options.seeds)} runs), denoising "
        f"{options.img_size}×{options.img_size} crops, t ~ U(0, {options.t_max:g}), after training "
        f"on the finest level with batch {options.batch_size}, Adam {options.learning_rate:g}. In "
        f"brackets: the same ratio with the optimal coefficient α, and that α. Last column: the "
        f"smallest cosine between mean gradients of neighbouring levels.\n"
    ]
    for network, make in NETWORKS.items():
        runs = [measure(make, pyramid, options, seed) for seed in options.seeds]
        rows = []
        for step, rule in runs[0]:
            of_seeds = [run[step, rule] for run in runs]
            mean = [
                [statistics.mean(found[pair][k] for found in of_seeds) for k in range(4)]
                for pair in range(options.levels - 1)
            ]
            cells = [f"{ratio:.2f} ({best:.2f}, {alpha:.2f})" for ratio, alpha, best, _ in mean]
            cosine = min(found[pair][3] for found in of_seeds for pair in range(len(mean)))
            rows.append([step, rule, *cells, f"{cosine:.2f}"])
        table = as_markdown(["steps", "restriction", *names, "least cosine"], rows)
        body.append(f"## {network}\n\n{table}\n")
        print(table, flush=True)
    publish(options.name, "Coupling of neighbouring levels", "\n".join(body), options.seeds)


if __name__ == "__main__":
    main()
