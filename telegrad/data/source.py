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
        low: reads its companion, smaller by the dataset's scale, where the dataset has pairs.
        files: that it is read from, by which a change is noticed; none if it lies in memory.
        key: the name by which it is known again where its dataset has been moved.
    """

    name: str
    open: Callable[[], Pixels]
    low: Callable[[], Pixels] | None = None
    files: tuple[Path, ...] = ()
    key: str = ""

    @classmethod
    def of_file(
        cls, path: Path, root: Path | None = None, max_pixels: int | None = None
    ) -> NamedImage:
        """An image file of a dataset in `root`, opened as RGB of 8 bits; see `read_rgb`."""
        key = (path.relative_to(root) if root else Path(path.name)).as_posix()
        return cls(str(path), partial(read_rgb, path, max_pixels), files=(path,), key=key)


@dataclass(frozen=True)
class Source:
    """Images to train on and images to validate on; no image is in both.

    Attributes:
        name: of the dataset.
        train, val: the images.
        notes: what a user should know of them, such as what was left out.
    """

    name: str
    train: Sequence[NamedImage]
    val: Sequence[NamedImage]
    notes: tuple[str, ...] = ()
