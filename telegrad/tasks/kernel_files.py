"""A folder of blur kernels: grey images, and NumPy files of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.data.image_folder import list_images
from telegrad.data.image_reading import read_image
from telegrad.data.picture import visible_colors
from telegrad.errors import reason

LARGEST = 255
"""Side in pixels."""

TOLERANCE = 1e-3
"""By which the sum of a kernel of numbers may differ from one."""


def kernel_files(folder: str) -> dict[str, Path]:
    """The files of kernels in a folder and those in it, by their names in it, in order.

    Raises:
        ValueError: if there is no such folder, or none of them in it.
    """
    directory = Path(folder)
    needs = "a folder of kernels, grey images or .npy files of 2 dimensions, with odd sides"
    if not directory.is_dir():
        raise ValueError(f"kernels={folder}: there is no such folder; needs {needs}.")
    found = {*list_images(directory).files, *directory.rglob("*.npy")}
    if not found:
        raise ValueError(f"kernels={folder}: there are no kernels in it; needs {needs}.")
    return {str(file.relative_to(directory)): file for file in sorted(found)}


def read_kernels(files: Mapping[str, Path]) -> Tensor:
    """Kernels (m, a, b), each of sum one, with zeros around those that are smaller than others.

    Images are divided by their sum; numbers must have the sum one.

    Raises:
        ValueError: for a file that can't be read or is no kernel; the message names it.
    """
    stats = {file: file.stat() for file in files.values()}
    return _read(tuple((file, stat.st_mtime_ns, stat.st_size) for file, stat in stats.items()))


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int, int], ...]) -> Tensor:
    kernels = [torch.from_numpy(_kernel(file)) for file, _, _ in files]
    a, b = (max(kernel.shape[axis] for kernel in kernels) for axis in (0, 1))
    return torch.stack([_centered(kernel, a, b) for kernel in kernels]).float()


def _centered(kernel: Tensor, a: int, b: int) -> Tensor:
    down, across = (a - kernel.shape[0]) // 2, (b - kernel.shape[1]) // 2
    return F.pad(kernel, (across, across, down, down))


def _kernel(file: Path) -> np.ndarray:
    """A file's kernel, float64 of sum one.

    Raises:
        ValueError: if there is none in it.
    """
    of_numbers = file.suffix.lower() == ".npy"
    try:
        values = _numbers(file) if of_numbers else _grey(file)
    except Exception as error:  # a stranger's file can fail in any way
        why = str(error) if type(error) is ValueError else reason(error)
        raise ValueError(f"kernel {file}: can't be read ({why}).") from error
    if values.ndim != 2 or not all(n % 2 and n <= LARGEST for n in values.shape):
        size = "×".join(map(str, values.shape)) or "no size"
        raise ValueError(
            f"kernel {file}: is of {size}; needs 2 dimensions, odd and at most {LARGEST}, so that "
            f"it has a center. Add a row or a column of zeros."
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(f"kernel {file}: has values that are negative or not finite.")
    total = float(values.sum())
    if of_numbers and abs(total - 1) > TOLERANCE:
        raise ValueError(
            f"kernel {file}: its sum is {total:.4g}; needs 1, so that brightness is kept. Divide "
            f"it by its sum."
        )
    if total == 0:
        raise ValueError(f"kernel {file}: is all black; needs light somewhere.")
    return values / total


def _numbers(file: Path) -> np.ndarray:
    stored = np.load(file, mmap_mode="r", allow_pickle=False)  # reads no more than its header
    if stored.size > LARGEST**2 or stored.dtype.kind not in "fiu":
        raise ValueError(f"{stored.dtype} of shape {stored.shape} is no kernel")
    return np.array(stored, dtype=np.float64)


def _grey(file: Path) -> np.ndarray:
    limit = LARGEST**2  # pixels; larger ones are not decoded
    colors = visible_colors(read_image(file, max_pixels=limit, first_only=True).frames[0])
    if (colors != colors[..., :1]).any():
        raise ValueError("it is in color; a kernel is a grey image")
    return colors[..., 0].astype(np.float64)
