"""A folder of masks, of which pieces are cut at random places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from telegrad.data.image_folder import list_images
from telegrad.data.image_reading import read_image
from telegrad.data.picture import visible_colors
from telegrad.errors import reason

NAMED = 3
"""So many files are named of those that are too small."""


def mask_files(folder: str) -> dict[str, Path]:
    """The mask images in a folder and those in it, by their names in it, in order.

    Raises:
        ValueError: if there is no such folder, or none of them in it.
    """
    directory = Path(folder)
    needs = "a folder of images, white where pixels are known and black where they are missing"
    if not directory.is_dir():
        raise ValueError(f"masks={folder}: there is no such folder; needs {needs}.")
    files = list_images(directory).files
    if not files:
        raise ValueError(f"masks={folder}: there are no images in it; needs {needs}.")
    return {str(file.relative_to(directory)): file for file in files}


def check_masks(files: Mapping[str, Path], size: tuple[int, int]) -> None:
    """Raises ValueError unless a piece of (height, width) can be cut from each of the masks.

    No more than a file's head is read.
    """
    small = []
    for name, file in files.items():
        try:
            with Image.open(file) as image:
                width, height = image.size
        except Exception as error:  # a stranger's file can fail in any way
            raise ValueError(f"mask {file}: can't be read ({reason(error)}).") from error
        if height < size[0] or width < size[1]:
            small.append(f"{name} ({height}×{width})")
    if small:
        more = f" and {len(small) - NAMED} more" if len(small) > NAMED else ""
        raise ValueError(
            f"masks: {', '.join(small[:NAMED])}{more}: smaller than images of {size[0]}×{size[1]}, "
            f"to which they would have to be stretched. Take them out, or train on smaller images."
        )


def cut(files: Sequence[Path], size: tuple[int, int], places: Tensor) -> Tensor:
    """Pieces of masks, True where pixels are known.

    Args:
        files: of masks.
        size: (height, width) of a piece.
        places: (n, 3), uniform in [0, 1): which mask, and where in it, down and across.

    Returns:
        (n, 1, height, width) of bool, on the device of `places`.

    Raises:
        ValueError: for a mask that is smaller or can't be read.
    """
    pieces = []
    for which, down, across in places.double().tolist():
        file = files[int(which * len(files))]
        mask = _mask(file)
        rows, columns = mask.shape[0] - size[0], mask.shape[1] - size[1]
        if min(rows, columns) < 0:
            check_masks({file.name: file}, size)
            raise ValueError(f"mask {file}: is turned, and too small so; turn its pixels.")
        top, left = int(down * (rows + 1)), int(across * (columns + 1))
        pieces.append(mask[top : top + size[0], left : left + size[1]])
    return torch.from_numpy(np.stack(pieces)).to(places.device)[:, None]


def _mask(file: Path) -> np.ndarray:
    """A mask (h, w) of bool: True where it is known, at least half white."""
    stat = file.stat()
    packed, (height, width) = _packed(file, stat.st_mtime_ns, stat.st_size)
    known = np.unpackbits(packed, count=height * width).reshape(height, width)
    return known.astype(bool)


@lru_cache(maxsize=4096)
def _packed(file: Path, modified: int, length: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A mask's bits, and its size; 32 KiB for 512×512 pixels."""
    try:
        frame = visible_colors(read_image(file, first_only=True).frames[0])
    except OSError as error:
        raise ValueError(f"mask {error}") from error
    known = frame.mean(-1) >= np.iinfo(frame.dtype).max / 2
    return np.packbits(known), known.shape
