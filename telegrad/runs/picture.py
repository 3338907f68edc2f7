"""Pictures of what networks do: rows of corrupted, restored and clean images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor


def save_comparison(path: Path, columns: Mapping[str, Tensor], title: str) -> None:
    """Writes a picture with one row an image and a column for each name, each with its PSNR.

    Args:
        path: of the picture; its suffix says the format.
        columns: name → images (n, c, h, w) in [0, 1]; the last are what the others should be.
        title: above all.
    """
    from matplotlib.figure import Figure

    *_, clean = columns.values()
    height = 2.3 * len(clean) + 0.4
    figure = Figure(figsize=(2.2 * len(columns), height), dpi=150)
    figure.suptitle(title, fontsize=9, y=1 - 0.06 / height)
    margins = {"left": 0.01, "right": 0.99, "bottom": 0.05 / height, "top": 1 - 0.5 / height}
    axes = figure.subplots(
        len(clean),
        len(columns),
        squeeze=False,
        gridspec_kw=margins | {"hspace": 0.12, "wspace": 0.03},
    )
    for column, (name, images) in zip(axes.T, columns.items(), strict=True):
        for axis, image, target in zip(column, images, clean, strict=True):
            pixels = image.detach().float().cpu().clamp(0, 1).expand(3, -1, -1)
            axis.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="nearest")
            error = (image - target).square().mean().item()
            psnr = f", {10 * np.log10(1 / error):.1f} dB" if error else ""
            axis.set_title(name + psnr, fontsize=8)
            axis.set_axis_off()
    figure.savefig(path)
