"""Pictures of what a network does: rows of corrupted, restored and clean images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


def save_comparison(
    path: Path, corrupted: Tensor, restored: Tensor, clean: Tensor, title: str
) -> None:
    """Writes a picture with one row an image: corrupted, restored, clean, each with its PSNR.

    Args:
        path: of the picture; its suffix says the format.
        corrupted, restored, clean: (n, 3, h, w) in [−1, 1].
        title: above all.
    """
    rows = len(clean)
    figure = Figure(figsize=(6.6, 2.25 * rows + 0.4), layout="constrained", dpi=150)
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(rows, 3, squeeze=False)
    for row, images in zip(axes, zip(corrupted, restored, clean, strict=True), strict=True):
        for axis, image, name in zip(row, images, ("corrupted", "restored", "clean"), strict=True):
            pixels = (image.detach().float().cpu().clamp(-1, 1) + 1) / 2
            axis.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="nearest")
            error = (image - images[-1]).square().mean().item()
            psnr = f", {10 * np.log10(4 / error):.1f} dB" if error else ""
            axis.set_title(name + psnr, fontsize=8)
            axis.set_axis_off()
    figure.savefig(path)
