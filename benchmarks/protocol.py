"""Is it measured as the field measures? Corrupted images of test sets, beside published values.

    python benchmarks/protocol.py --testsets DIR

DIR holds the folders CBSD68, Kodak24, Set12, Set5 and Set14. No network is used: it is the input of
one that is measured, by the code of `telegrad evaluate`. Two columns say where differences come
from: noisy images as files of 8 bits would have them; and super-resolution as SRCNN's program has
it, which resizes Y in floating point, where `telegrad evaluate` resizes colors of 8 bits.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from table import as_markdown, publish, read_csv, write_csv

from telegrad.data import NamedImage
from telegrad.evaluation import ImageSet, Protocol, image_sets, measured
from telegrad.evaluation.channels import eight_bits, luma, measured_channels, without_border
from telegrad.evaluation.metrics import psnr, ssim
from telegrad.evaluation.protocol import EVALUATION_SEED
from telegrad.evaluation.results import means
from telegrad.evaluation.whole import whole_draw
from telegrad.tasks import Denoising, SuperResolution, Task
from telegrad.tasks.bicubic import bicubic

BICUBIC = {
    ("Set5", 2): (33.66, 0.9299),
    ("Set5", 3): (30.39, 0.8682),
    ("Set5", 4): (28.42, 0.8104),
    ("Set14", 2): (30.24, 0.8688),
    ("Set14", 3): (27.55, 0.7742),
    ("Set14", 4): (26.00, 0.7027),
}
"""PSNR in dB and SSIM of bicubic interpolation on Y, border = scale: Kim et al., *Accurate image
super-resolution using very deep convolutional networks* (VDSR), CVPR 2016, Table 2; PSNR as in Dong
et al. (SRCNN), IEEE Trans. Pattern Anal. Mach. Intell. 2016."""

NOISY = ("CBSD68", "Kodak24", "Set12", "Set5", "Set14")
SIGMAS = (15, 25, 50)


@dataclass(frozen=True, kw_only=True)
class InFiles(Denoising):
    """Noisy images that files of 8 bits have clipped."""

    stored: ClassVar[bool] = True


def corrupted(task: Task, a_set: ImageSet) -> dict[str, float]:
    """The mean of each metric over the corrupted images of a set."""
    (mean,) = means(measured(None, task, [a_set], Protocol()))
    return mean.corrupted


def as_srcnn(task: SuperResolution, image: NamedImage) -> tuple[float, float]:
    """PSNR and SSIM of Y made smaller and larger in floating point, then rounded."""
    whole = whole_draw(task, image, EVALUATION_SEED)
    clean = whole.draw["clean"].double()
    y = eight_bits(measured_channels(clean, "y", True) if whole.of_grey_file else luma(clean))
    height, width = y.shape[-2:]
    small = bicubic(y, (height // task.scale, width // task.scale))
    pair = [without_border(x, task.scale) for x in (eight_bits(bicubic(small, (height, width))), y)]
    return psnr(*pair).item(), ssim(*pair).item()


def measure(root: Path) -> list[dict[str, object]]:
    """A row for each set and corruption."""
    rows: list[dict[str, object]] = []
    for name in NOISY:
        color = "grey" if name == "Set12" else "rgb"
        for sigma in SIGMAS:
            tasks = [kind(sigma=sigma, color=color) for kind in (Denoising, InFiles)]
            (a_set,) = image_sets([str(root / name)], tasks[0])
            ours, clipped = (corrupted(task, a_set) for task in tasks)
            row = {"set": name, "images": len(a_set.images), "corruption": f"noise, σ {sigma}"}
            known = {"published_psnr": f"{20 * math.log10(255 / sigma):.2f}", "published_ssim": ""}
            rows.append(row | numbers("ours", ours) | known | numbers("other", clipped))
            print(rows[-1], flush=True)
    for (name, scale), (known_psnr, known_ssim) in BICUBIC.items():
        task = SuperResolution(scale=scale)
        (a_set,) = image_sets([str(root / name)], task)
        ours = corrupted(task, a_set)
        pairs = [as_srcnn(task, image) for image in a_set.images]
        other = {n: statistics.fmean(p[k] for p in pairs) for k, n in enumerate(("psnr", "ssim"))}
        row = {"set": name, "images": len(a_set.images), "corruption": f"bicubic ×{scale}"}
        known = {"published_psnr": f"{known_psnr:.2f}", "published_ssim": f"{known_ssim:.4f}"}
        rows.append(row | numbers("ours", ours) | known | numbers("other", other))
        print(rows[-1], flush=True)
    return rows


def numbers(kind: str, values: dict[str, float]) -> dict[str, str]:
    return {f"{kind}_psnr": f"{values['psnr']:.3f}", f"{kind}_ssim": f"{values['ssim']:.4f}"}


def table(rows: list[dict[str, str]], start: str, other: str) -> str:
    """Rows of one kind of corruption, and how far they are from what is published."""
    columns = ["set", "images", "corruption", "PSNR, dB", "published", "difference", "SSIM"]
    columns += ["published", f"{other}: PSNR", "SSIM"]
    cells = [
        [
            *(row["set"], row["images"], row["corruption"], f"{float(row['ours_psnr']):.2f}"),
            row["published_psnr"],
            f"{float(row['ours_psnr']) - float(row['published_psnr']):+.3f}",
            *(row["ours_ssim"], row["published_ssim"] or "–"),
            *(f"{float(row['other_psnr']):.2f}", row["other_ssim"]),
        ]
        for row in rows
        if row["corruption"].startswith(start)
    ]
    return as_markdown(columns, cells)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--testsets", required=True, help="folder of CBSD68, Kodak24, Set12, …")
    parser.add_argument("--again", action="store_true", help="only the table, from the CSV")
    options = parser.parse_args()
    sys.argv = [word for word in sys.argv if word != "--again"]  # not what made the figures
    if not options.again:
        torch.set_num_threads(1)
        write_csv("protocol", measure(Path(options.testsets)))
    rows = read_csv("protocol")
    body = f"""Noisy images, as a network is given them: neither clipped nor rounded. What is
published is 20·log₁₀(255/σ), which stands beside σ in tables since Dabov et al. (BM3D), IEEE Trans.
Image Process. 2007. Images that files of 8 bits have clipped are nearer to the clean ones, by a
difference that depends on the set.

{table(rows, "noise", "clipped to 8 bits")}

Small images of 8 bits, enlarged by bicubic interpolation and rounded, on Y without as many pixels
at each edge as the scale. What is published is of VDSR's Table 2 (CVPR 2016). The differences are
those between resizing colors of 8 bits, which a network is given, and Y in floating point, as
SRCNN's program does, whose values are in the last columns. Files with one channel, of which Set14
has one, are measured as they are, colors as Y from 16 to 235.

{table(rows, "bicubic", "as SRCNN")}

No package that is installed here ships weights of a denoiser: deepinv, spandrel and torchvision
download theirs, so that no published figure of a network could be measured."""
    publish(
        "protocol",
        "The protocol: corrupted images beside published values",
        body,
        [EVALUATION_SEED],
    )


if __name__ == "__main__":
    main()
