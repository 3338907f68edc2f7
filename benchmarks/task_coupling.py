"""How well neighbouring levels are coupled in each of the field's tasks, by its own rules.

    python benchmarks/task_coupling.py --data FOLDER [--pairs FOLDER INPUT TARGET]

Trains a small network on the finest level of each task, and then takes the gradients of single
draws on every level. V_l / Var g_l = tr Cov(g_l − g_{l−1}) / tr Cov(g_l) is what the correction of
a pair of levels costs in variance: a telescoping sum saves work where it is small.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from table import as_markdown, publish, read_csv, write_csv
from torch import nn

from telegrad import GridHierarchy, level_statistics
from telegrad.data import Folder, Pairs, Photographs
from telegrad.data.pyramid import Pyramid, build_pyramid
from telegrad.data.stream import CropStream
from telegrad.networks import ResNet
from telegrad.tasks import (
    JPEG,
    Deblurring,
    Denoising,
    Inpainting,
    Physics,
    SuperResolution,
    Task,
)
from telegrad.tasks import Pairs as PairsTask
from telegrad.training.draws import rules_of

TASKS: dict[str, Task] = {
    "denoising, σ 25": Denoising(sigma=25),
    "denoising, σ 0..50": Denoising(sigma="0..50"),
    "JPEG, quality 10..90": JPEG(),
    "super-resolution ×2": SuperResolution(scale=2),
    "super-resolution ×4": SuperResolution(scale=4),
    "deblurring, Gaussian of σ 1.6": Deblurring(),
    "deblurring, motion of 5..13 pixels": Deblurring(blur="motion", length="5..13"),
    "inpainting, boxes": Inpainting(),
    "inpainting, half of the pixels": Inpainting(holes="pixels"),
    "deepinv's Inpainting, half of the pixels": Physics(
        physics="Inpainting", arguments={"mask": 0.5}, noise=5
    ),
    "deepinv's Blur, Gaussian of σ 2": Physics(
        physics="Blur",
        arguments={"filter": {"gaussian_blur": {"sigma": 2}}, "padding": "reflect"},
        noise=5,
    ),
}
COLUMNS = {
    "ratio": "V_l / Var g_l",
    "alpha": "best α",
    "ratio_alpha": "with it",
    "correlation": "correlation",
}


class Enlarging(nn.Module):
    """A ResNet on the small image, and pixel shuffle."""

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.inner = ResNet(width, out_channels=3 * scale**2, residual=False, time=False)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels of the small image, repeated, and what is added to them."""
        repeated = nn.functional.interpolate(x, scale_factor=float(self.scale))
        return repeated + nn.functional.pixel_shuffle(self.inner(x), self.scale)


def network_of(task: Task, width: int) -> nn.Module:
    return ResNet(width, time=False) if task.enlarges == 1 else Enlarging(width, task.enlarges)


def trained(task: Task, pyramid: Pyramid, options: argparse.Namespace, seed: int) -> nn.Module:
    """A network after some steps on the finest level."""
    torch.manual_seed(seed)
    network = network_of(task, options.width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate)
    random, stream = torch.Generator().manual_seed(seed), CropStream(pyramid, seed)
    for _ in range(options.steps):
        (crops,) = stream.take([options.batch_size], pyramid.grids.levels - 1)
        optimizer.zero_grad()
        draw = task.draw(**task.images(crops), generator=random)
        losses = task.losses(lambda x, *_: network(x), draw)
        losses.mean().backward()
        optimizer.step()
    return network


def measure(
    name: str, task: Task, pyramid: Pyramid, options: argparse.Namespace, seed: int
) -> list[dict[str, object]]:
    """One row for each pair of levels, the finest first."""
    network = trained(task, pyramid, options, seed)
    grids = pyramid.grids
    (crops,) = CropStream(pyramid, seed + 1000).take([options.draws], grids.levels - 1)
    draw = task.draw(**task.images(crops), generator=torch.Generator().manual_seed(seed + 1000))
    found = level_statistics(
        lambda draw: task.losses(lambda x, *_: network(x), draw),
        draw,
        grids,
        network.parameters(),
        restriction=rules_of(task, [draw]),
        timing=0,
        resamples=0,
    )
    plain, best = found.correction_variance(), found.correction_variance(found.alphas)
    return [
        {
            "task": name,
            "seed": seed,
            "finer": grids.shape(level)[0],
            "coarser": grids.shape(level - 1)[0],
            "ratio": plain[level] / found.variance[level],
            "alpha": found.alphas[level - 1],
            "ratio_alpha": best[level] / found.variance[level],
            "correlation": found.correlation[level - 1],
        }
        for level in reversed(range(1, grids.levels))
    ]


def table_of(rows: list[dict[str, str]]) -> str:
    """Means over seeds, of what the CSV holds."""
    lines = []
    for name, finer, coarser in dict.fromkeys((r["task"], r["finer"], r["coarser"]) for r in rows):
        own = [row for row in rows if (row["task"], row["finer"]) == (name, finer)]
        values = [statistics.mean(float(row[column]) for row in own) for column in COLUMNS]
        lines.append([name, f"{finer} and {coarser}", *(f"{value:.2f}" for value in values)])
    return as_markdown(["task", "levels, pixels", *COLUMNS.values()], lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", help="folder of images")
    parser.add_argument(
        "--pairs", nargs=3, metavar=("FOLDER", "INPUT", "TARGET"), help="as of telegrad's Pairs"
    )
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--learning_rate", type=float, default=2e-3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--draws", type=int, default=48)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--name", default="task_coupling")
    options = parser.parse_args()

    data = Folder(path=options.data) if options.data else Photographs()
    grids = GridHierarchy((options.size, options.size), options.levels)
    of_photographs = build_pyramid(data.source().train, grids)
    cases = [(name, task, of_photographs) for name, task in TASKS.items()]
    if options.pairs:
        path, given, target = options.pairs
        images = Pairs(path=path, input=given, target=target).source().train
        pyramid = build_pyramid(images, grids, pairs=True, scale=1)
        cases.append(("pairs with real noise", PairsTask(), pyramid))
    rows: list[dict[str, object]] = []
    for name, task, pyramid in cases:
        for seed in options.seeds:
            rows += measure(
                name, task.at_size((options.size, options.size)), pyramid, options, seed
            )
        print(name, [f"{row['ratio']:.2f}" for row in rows if row["task"] == name], flush=True)
    write_csv(options.name, rows)
    body = (
        f"{options.draws} draws after {options.steps} steps on crops of {options.size}×"
        f"{options.size} with batch {options.batch_size}, AdamW {options.learning_rate:g}, L1, "
        f"ResNet of {options.width} channels (super-resolution: on the small image, with pixel "
        f"shuffle); mean over seeds. Levels are named by the height of an image. "
        f"With the best α: tr Cov(g_l − α·g_(l−1)) / tr Cov(g_l).\n\n"
        f"{table_of(read_csv(options.name))}\n\nMeasured values: [CSV]({options.name}.csv)."
    )
    publish(options.name, "Coupling of neighbouring levels, by task", body, options.seeds)


if __name__ == "__main__":
    main()
