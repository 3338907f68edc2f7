"""Urban100 as pairs for super-resolution, low and high resolution."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from telegrad.data.base import Data, directory_of, path_option
from telegrad.data.image_files import Pixels
from telegrad.data.source import NamedImage, Source
from telegrad.files import read_tensors
from telegrad.options import option

PLACES_SEED = 100
"""Places of patches come from this seed, so that they are the same in every run."""


@dataclass(frozen=True, kw_only=True)
class Urban100(Data):
    """Patches of image pairs, low and high resolution, to train on and to validate on.

    `path/Urban100/` holds `low_res_train.pt`, `high_res_train.pt`, `low_res_test.pt` and
    `high_res_test.pt`: each a tensor (n, 3, h, w) or a list of tensors (3, h, w) of any sizes,
    uint8, or floating point in [0, 1] (in [−1, 1] if any value is negative). The high-resolution
    image has twice the height and width of its low-resolution one. `telegrad prepare urban100`
    makes these files.
    """

    name: ClassVar[str] = "urban100"

    path: str | None = path_option()
    patch_size: int = option(
        64,
        "height and width of a patch, of the low resolution",
        unit="pixels",
        least=1,
        most=2**15,
    )
    train_patches: int = option(10, "of each image, at random places", least=1, most=10**5)
    test_patches: int = option(2, "of each image, to validate on", least=1, most=10**5)

    @property
    def crop(self) -> int:
        """Height and width of the crops, in pixels; else of a whole patch of high resolution."""
        return self.size or 2 * self.patch_size

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            FileNotFoundError: if a file is missing; the message says how to make it.
            ValueError: for a file that isn't plain tensors, pairs whose sizes don't match, or
                images smaller than a patch.
        """
        root = directory_of(self.path) / "Urban100"
        places = np.random.default_rng(PLACES_SEED)
        patches = {}
        for part, number in (("train", self.train_patches), ("test", self.test_patches)):
            low, high = (_images(root / f"{kind}_res_{part}.pt") for kind in ("low", "high"))
            _check_pairs(root, part, low, high, self.patch_size)
            patches[part] = [
                _patch(f"Urban100 {part} {k}", low[k], high[k], places.random(2), self.patch_size)
                for k in range(len(high))
                for _ in range(number)
            ]
        return Source(self.name, patches["train"], patches["test"])


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
            f"`telegrad prepare urban100 FOLDER --path {shlex.quote(str(path.parent.parent))}`."
        )
    try:
        content = read_tensors(path)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"urban100: {error}. Save a tensor or a list of tensors, or make the file with "
            f"`telegrad prepare urban100`."
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
