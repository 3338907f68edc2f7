"""Urban100 as pairs for super-resolution, low and high resolution, and how such files are made."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from telegrad.data.image_files import Pixels, images_in, read_rgb
from telegrad.data.source import NamedImage, Source

PLACES_SEED = 100
"""Places of patches come from this seed, so that they are the same in every run."""


def urban100(
    data_dir: str | Path, patch_size: int = 64, train_patches: int = 10, test_patches: int = 2
) -> Source:
    """Patches of image pairs, low and high resolution, to train on and to validate on.

    `data_dir/Urban100/` holds `low_res_train.pt`, `high_res_train.pt`, `low_res_test.pt` and
    `high_res_test.pt`: each a tensor (n, 3, h, w) or a list of tensors (3, h, w) of any sizes,
    uint8, or floating point in [0, 1] (in [−1, 1] if any value is negative). The high-resolution
    image has twice the height and width of its low-resolution one.

    Args:
        data_dir: where data lies.
        patch_size: height and width of a patch, in pixels of the low resolution.
        train_patches: of each image, at random places.
        test_patches: likewise, to validate on.

    Raises:
        FileNotFoundError: if a file is missing; the message says how to make it.
        ValueError: for a file that isn't plain tensors, pairs whose sizes don't match, or images
            smaller than a patch.
    """
    root = Path(data_dir) / "Urban100"
    places = np.random.default_rng(PLACES_SEED)
    patches = {}
    for part, number in (("train", train_patches), ("test", test_patches)):
        low, high = (_images(root / f"{kind}_res_{part}.pt") for kind in ("low", "high"))
        _check_pairs(root, part, low, high, patch_size)
        patches[part] = [
            _patch(f"Urban100 {part} {k}", low[k], high[k], places.random(2), patch_size)
            for k in range(len(high))
            for _ in range(number)
        ]
    return Source("urban100", patches["train"], patches["test"])


def _patch(name: str, low: Tensor, high: Tensor, place: np.ndarray, size: int) -> NamedImage:
    top, left = (int(p * (n - size + 1)) for p, n in zip(place, low.shape[1:], strict=True))
    low_patch = low[:, top : top + size, left : left + size]
    high_patch = high[:, 2 * top : 2 * (top + size), 2 * left : 2 * (left + size)]
    return NamedImage(
        f"{name} at ({top}, {left})", partial(_pixels, high_patch), partial(_pixels, low_patch)
    )


def _pixels(image: Tensor) -> Pixels:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _images(path: Path) -> list[Tensor]:
    """The images of one file as uint8 tensors (3, h, w)."""
    if not path.is_file():
        raise FileNotFoundError(
            f"urban100: {path} is missing. Make it from a folder of high-resolution images with "
            f"`telegrad prepare urban100 FOLDER --data_dir {path.parent.parent}`."
        )
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"urban100: {path} holds more than plain tensors, and reading it could run code that "
            f"is hidden in it; refused. Save a tensor or a list of tensors, or make the file with "
            f"`telegrad prepare urban100`."
        ) from error
    except (OSError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"urban100: {path} is damaged ({error}); make or copy it again."
        ) from error
    images = list(content) if isinstance(content, (Tensor, list, tuple)) else None
    fits = images and all(
        isinstance(i, Tensor) and i.ndim == 3 and i.shape[0] == 3 and i.numel() for i in images
    )
    if not images or not fits:
        raise ValueError(
            f"urban100: {path} needs a tensor (n, 3, h, w) or a list of tensors (3, h, w), one or "
            f"more of them."
        )
    return _as_bytes(path, images)


def _as_bytes(path: Path, images: Sequence[Tensor]) -> list[Tensor]:
    if all(image.dtype == torch.uint8 for image in images):
        return list(images)
    floats = [image.float() for image in images]
    least, largest = min(i.min().item() for i in floats), max(i.max().item() for i in floats)
    if not -1 <= least <= largest <= 1:
        raise ValueError(
            f"urban100: values of {path} lie in [{least:g}, {largest:g}]; needs uint8, or floating "
            f"point in [0, 1] or [−1, 1]."
        )
    zero = -1 if least < 0 else 0
    return [((i - zero) / (1 - zero) * 255).round().byte() for i in floats]


def _check_pairs(
    root: Path, part: str, low: Sequence[Tensor], high: Sequence[Tensor], patch_size: int
) -> None:
    if len(low) != len(high):
        raise ValueError(
            f"urban100: {root} has {len(low)} low-resolution and {len(high)} high-resolution "
            f"images in {part}; needs pairs. Make all files again from one folder."
        )
    for k, (small, large) in enumerate(zip(low, high, strict=True)):
        (h, w), (height, width) = small.shape[1:], large.shape[1:]
        if (height, width) != (2 * h, 2 * w):
            raise ValueError(
                f"urban100: pair {k} of {part} in {root}: low resolution {h}×{w}, high resolution "
                f"{height}×{width}; needs twice the height and width."
            )
        if min(h, w) < patch_size:
            raise ValueError(
                f"urban100: patch_size={patch_size}, but the low-resolution image {k} of {part} in "
                f"{root} has {h}×{w} pixels; use patch_size={min(h, w) // 8 * 8 or 1} or less."
            )


def prepare_urban100(folder: str | Path, data_dir: str | Path, test_every: int = 5) -> list[Path]:
    """Makes the four files that `urban100` reads, from a folder of high-resolution images.

    Images are trimmed to even heights and widths; the low resolution is their bilinear
    downsampling, which at a factor of two is the mean of 2×2 pixels.

    Args:
        folder: of images.
        data_dir: the files go to `data_dir/Urban100/`.
        test_every: the first of so many images, in the order of their names, is for testing.

    Returns:
        the files written.

    Raises:
        OSError: for an image that can't be read, or if a file can't be written. Nothing is written
            before all images have been read.
        ValueError: for a folder with fewer than two images.
    """
    for name, path in (("folder", folder), ("data_dir", data_dir)):
        if not str(path).strip() or "\0" in str(path):
            raise ValueError(f"prepare: {name}={str(path)!r}, needs the name of a folder.")
    folder, root = Path(folder), Path(data_dir) / "Urban100"
    if test_every < 2:
        raise ValueError(f"prepare: test_every={test_every}, needs 2 or more.")
    if not folder.is_dir():
        raise FileNotFoundError(f"prepare: {folder} is not a directory; needs one with images.")
    files = images_in(folder)
    if len(files) < 2:
        raise ValueError(f"prepare: only one image in {folder}; needs two or more.")
    high: dict[str, list[Tensor]] = {"train": [], "test": []}
    for k, file in enumerate(tqdm(files, desc="reading images", unit="", leave=False)):
        pixels = torch.from_numpy(read_rgb(file).copy()).permute(2, 0, 1)
        height, width = pixels.shape[1] // 2 * 2, pixels.shape[2] // 2 * 2
        if not (height and width):
            raise ValueError(f"prepare: {file} has {pixels.shape[1]}×{pixels.shape[2]} pixels.")
        part = "train" if k % test_every else "test"
        high[part].append(pixels[:, :height, :width].contiguous())
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for part, images in high.items():
        low = [F.avg_pool2d(image[None].float(), 2)[0].round().byte() for image in images]
        for kind, content in (("low", low), ("high", images)):
            path = root / f"{kind}_res_{part}.pt"
            _save(path, content)
            written.append(path)
    return written


def _save(path: Path, content: list[Tensor]) -> None:
    """Written aside, then renamed."""
    aside = path.with_name(path.name + ".part")
    try:
        torch.save(content, aside)
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise OSError(f"prepare: {path} can't be written ({error}).") from error
