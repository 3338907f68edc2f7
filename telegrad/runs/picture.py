"""Pictures of what networks do: rows of corrupted, restored and clean images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


def save_comparison(path: Path, columns: Mapping[str, Tensor], title: str) -> None:
    """Writes a picture with one row an image and a column for each name, each with its PSNR.

    Args:
        path: of the picture; its suffix says the format.
        columns: name → images (n, 3, h, w) in [−1, 1]; the last are what the others should be.
        title: above all.
    """
    *_, clean = columns.values()
    figure = Figure(
        figsize=(2.2 * len(columns), 2.25 * len(clean) + 0.4), layout="constrained", dpi=150
    )
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(len(clean), len(columns), squeeze=False)
    for column, (name, images) in zip(axes.T, columns.items(), strict=True):
        for axis, image, target in zip(column, images, clean, strict=True):
            pixels = (image.detach().float().cpu().clamp(-1, 1) + 1) / 2
            axis.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="nearest")
            error = (image - target).square().mean().item()
            psnr = f", {10 * np.log10(4 / error):.1f} dB" if error else ""
            axis.set_title(name + psnr, fontsize=8)
            axis.set_axis_off()
    figure.savefig(path)
