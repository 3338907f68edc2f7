"""What a dataset gives: named images to train on and to validate on, opened only when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from telegrad.data.image_files import Pixels, read_rgb


@dataclass(frozen=True)
class NamedImage:
    """An image that can be opened, and the name by which to report it.

    Attributes:
        name: for messages.
        open: reads it.
        low: reads its companion of half the height and width, where the dataset has pairs.
        files: that it is read from, by which a change is noticed; none if it lies in memory.
    """

    name: str
    open: Callable[[], Pixels]
    low: Callable[[], Pixels] | None = None
    files: tuple[Path, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> NamedImage:
        """An image file, opened as RGB of 8 bits; see `read_rgb`."""
        return cls(str(path), partial(read_rgb, path), files=(path,))


@dataclass(frozen=True)
class Source:
    """Images to train on and images to validate on; no image is in both."""

    name: str
    train: Sequence[NamedImage]
    val: Sequence[NamedImage]
