"""How the files of Urban100 are made, from a folder of high-resolution images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.atomic import write_whole
from telegrad.bars import Bar
from telegrad.data.image_files import read_rgb
from telegrad.data.image_folder import images_in


def prepare_urban100(
    folder: str | Path,
    path: str | Path,
    test_every: int = 5,
    overwrite: bool = False,
    max_pixels: int | None = None,
) -> list[Path]:
    """Makes the four files that `Urban100` reads, from a folder of high-resolution images.

    Images are trimmed to even heights and widths; the low resolution is their bilinear
    downsampling, which at a factor of two is the mean of 2×2 pixels.

    Args:
        folder: of images.
        path: the files go to `path/Urban100/`.
        test_every: the first of so many images, in the order of their names, is for testing.
        overwrite: whether files that are there are replaced.
        max_pixels: that an image's header may announce; else twice Pillow's limit.

    Returns:
        the files written.

    Raises:
        OSError: for an image that can't be read, or if a file can't be written. Nothing is written
            before all images have been read.
        ValueError: for a folder with fewer than two images.
        FileExistsError: for files that are there, unless they may be replaced.
    """
    for name, value in (("folder", folder), ("path", path)):
        if not str(value).strip() or "\0" in str(value):
            raise ValueError(f"prepare: {name}={str(value)!r}, needs the name of a folder.")
    if test_every < 2:
        raise ValueError(f"prepare: test_every={test_every}, needs 2 or more.")
    root = Path(path) / "Urban100"
    names = [f"{kind}_res_{part}.pt" for part in ("train", "test") for kind in ("low", "high")]
    there = [root / name for name in names if (root / name).exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"prepare: {there[0]} is there already; name another --path, or use --overwrite."
        )
    high = _high_resolution(Path(folder), test_every, max_pixels)
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for part, images in high.items():
        low = [F.avg_pool2d(image[None].float(), 2)[0].round().byte() for image in images]
        for kind, content in (("low", low), ("high", images)):
            file = root / f"{kind}_res_{part}.pt"
            write_whole(file, partial(torch.save, content))
            written.append(file)
    return written


def _high_resolution(
    folder: Path, test_every: int, max_pixels: int | None
) -> dict[str, list[Tensor]]:
    """The images of each part, uint8 (3, h, w), trimmed to even heights and widths."""
    if not folder.is_dir():
        raise FileNotFoundError(f"prepare: {folder} is not a directory; needs one with images.")
    files = images_in(folder)
    if len(files) < 2:
        raise ValueError(f"prepare: only one image in {folder}; needs two or more.")
    parts: dict[str, list[Tensor]] = {"train": [], "test": []}
    for k, file in enumerate(Bar(files, desc="reading images", unit="", leave=False)):
        pixels = torch.from_numpy(read_rgb(file, max_pixels).copy()).permute(2, 0, 1)
        height, width = pixels.shape[1] // 2 * 2, pixels.shape[2] // 2 * 2
        if not (height and width):
            shape = f"{pixels.shape[1]}×{pixels.shape[2]}"
            raise ValueError(f"prepare: {file} has {shape} pixels; needs 2×2 or more.")
        part = "train" if k % test_every else "test"
        parts[part].append(pixels[:, :height, :width].contiguous())
    return parts
