"""CIFAR-10 and STL-10, downloaded on first use by torchvision, which checks every file's digest.

CIFAR-10's files are pickles. They are opened only after their MD5 digests have been found to be
those of the original files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR10, STL10

from telegrad.data.source import NamedImage, Source


def cifar10(data_dir: str | Path) -> Source:
    """CIFAR-10, 32×32: 50,000 images to train on and 10,000, its test set, to validate on.

    They lie in `data_dir/cifar-10-batches-py/`, downloaded (170 MB) if they are not there.

    Raises:
        OSError: if they are missing or damaged and can't be downloaded.
    """
    parts = [_verified(CIFAR10, data_dir, train=train).data for train in (True, False)]
    files = (Path(data_dir) / CIFAR10.base_folder,)
    names = ("cifar10 train", "cifar10 test")
    return Source("cifar10", *(_named(*part, files) for part in zip(names, parts, strict=True)))


def stl10(data_dir: str | Path) -> Source:
    """STL-10, 96×96: 105,000 images to train on (train and unlabeled), 8,000 (test) to validate on.

    They lie in `data_dir/stl10_binary/`, downloaded (2.6 GB) if they are not there.

    Raises:
        OSError: if they are missing or damaged and can't be downloaded.
    """
    parts = [
        _verified(STL10, data_dir, split=split).data.transpose(0, 2, 3, 1)
        for split in ("train+unlabeled", "test")
    ]
    files = (Path(data_dir) / STL10.base_folder,)
    names = ("stl10 train", "stl10 test")
    return Source("stl10", *(_named(*part, files) for part in zip(names, parts, strict=True)))


def _verified(kind: Callable[..., Any], data_dir: str | Path, **part: object) -> Any:
    """A torchvision dataset whose files are whole, downloaded if they are not."""
    name: str = kind.__name__.lower()
    try:
        try:
            return kind(data_dir, download=False, **part)
        except RuntimeError:  # not there, or not whole
            return kind(data_dir, download=True, **part)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{name}: not whole in {Path(data_dir).absolute()}, and can't be downloaded ({error}). "
            f"Download {kind.url} and unpack it so that "  # type: ignore[attr-defined]
            f"{Path(data_dir) / kind.base_folder} holds its files; "  # type: ignore[attr-defined]
            f"or name another data_dir."
        ) from error


def _named(name: str, pixels: np.ndarray, files: tuple[Path, ...]) -> list[NamedImage]:
    return [
        NamedImage(f"{name} {k}", partial(pixels.__getitem__, k), files=files)
        for k in range(len(pixels))
    ]
