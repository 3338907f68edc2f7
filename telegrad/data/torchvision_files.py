"""Datasets that torchvision downloads on first use, and checks by every file's digest."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from telegrad.data.source import NamedImage


def torchvision_dataset(name: str) -> Any:
    """A class of `torchvision.datasets`.

    Raises:
        ValueError: if torchvision is not installed.
    """
    try:
        import torchvision.datasets
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{name.lower()}: torchvision reads it, and is not installed ({error}); "
            f"pip install 'telegrad[train]'."
        ) from error
    return getattr(torchvision.datasets, name)


def whole(kind: Any, path: Path, **part: object) -> Any:
    """A dataset of torchvision whose files are whole, downloaded if they are not.

    Files are opened only after their MD5 digests have been found to be those of the original ones.

    Args:
        kind: a class of `torchvision.datasets`.
        path: the directory that holds the dataset's own.
        part: of the dataset, as the class calls it.

    Raises:
        OSError: if they are missing or damaged and can't be downloaded.
    """
    try:
        try:
            return kind(path, download=False, **part)
        except RuntimeError:  # not there, or not whole
            return kind(path, download=True, **part)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{kind.__name__.lower()}: not whole in {path.absolute()}, and can't be downloaded "
            f"({error}). Download {kind.url} and unpack it so that {path / kind.base_folder} holds "
            f"its files; or name another path."
        ) from error


def named(name: str, pixels: np.ndarray, files: Path) -> list[NamedImage]:
    """Images (n, h, w, 3), uint8, with their numbers as names."""
    return [
        NamedImage(f"{name} {k}", partial(pixels.__getitem__, k), files=(files,))
        for k in range(len(pixels))
    ]
