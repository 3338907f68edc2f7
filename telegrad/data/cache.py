"""Images on disk that memory can't hold: a crop of a level reads that level's bytes alone.

A cache is a folder: `clean_0.bin` holds the coarsest level of one image after the other,
`low_0.bin` that of their companions, and so on; `index.json` has the images' heights and widths.
Each level has a file of its own since the coarse ones are small enough to stay in memory however
large the finest is. The folder's name is a digest of all that its content follows from, so that a
changed image, or another rule, has another cache. It is written aside and renamed when it is whole,
by one process at a time; the others wait for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
import PIL
from filelock import FileLock

from telegrad.atomic import write_whole
from telegrad.data.image_files import Pixels
from telegrad.data.levels import Coarsening, Levels
from telegrad.data.source import NamedImage

FORMAT = 1
"""Of the files; a cache of another format is not looked at."""


class ImageCache(Sequence[Levels]):
    """The images of a cache: arrays that are read where and when they are used.

    Args:
        directory: of the cache.
        coarsening: by which it was made.

    Attributes:
        skipped: what was said of images that could not be used.
        nbytes: of all levels of all images.

    Raises:
        ValueError, OSError: if it is not there, or not whole.
    """

    def __init__(self, directory: Path, coarsening: Coarsening) -> None:
        index = json.loads((directory / "index.json").read_text(encoding="utf-8"))
        self.skipped: list[str] = index["skipped"]
        shapes = np.array(index["shapes"], np.int64).reshape(-1, 2)
        self._levels = {
            field: [
                _Level(directory / _file_name(field, level), shapes >> halvings)
                for level, halvings in enumerate(reversed(range(coarsening.grids.levels)))
            ]
            for field, shapes in (("clean", shapes), ("low", shapes // (coarsening.scale or 1)))
            if field == "clean" or coarsening.scale
        }
        self._number, self._place = len(shapes), (directory, coarsening)
        self.nbytes = sum(level.nbytes for levels in self._levels.values() for level in levels)

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageCache, self._place  # workers open the files themselves

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, k: int) -> Levels: ...

    @overload
    def __getitem__(self, k: slice) -> list[Levels]: ...

    def __getitem__(self, k: int | slice) -> Levels | list[Levels]:
        if isinstance(k, slice):
            return [self[number] for number in range(len(self))[k]]
        return {
            field: tuple(level.pixels(k) for level in levels)
            for field, levels in self._levels.items()
        }


class _Level:
    """One level of all images, mapped.

    Raises:
        ValueError, OSError: if the file is missing, or of another size than its images need.
    """

    def __init__(self, path: Path, shapes: np.ndarray) -> None:
        *self._starts, self.nbytes = np.cumsum([0, *3 * shapes.prod(1)]).tolist()
        self._shapes = [(height, width, 3) for height, width in shapes.tolist()]
        there = path.stat().st_size
        if there != self.nbytes:
            raise ValueError(f"cache {path}: {there:,} bytes, needs {self.nbytes:,}")
        self._bytes = np.asarray(np.memmap(path, np.uint8, mode="r"))

    def pixels(self, image: int) -> Pixels:
        return np.ndarray(self._shapes[image], np.uint8, self._bytes, self._starts[image])


class CachePlace:
    """Where the cache of these images is, or would be.

    Args:
        parent: the folder of all caches; it may be missing.
        images: in their order. One is known by its name and the size and time of its files, or,
            if it lies in none, by its pixels.
        coarsening: how they come to be on every level.
        policy: what else the content depends on.
    """

    def __init__(
        self, parent: Path, images: Sequence[NamedImage], coarsening: Coarsening, policy: str
    ) -> None:
        rule = [FORMAT, PIL.__version__, *astuple(coarsening), policy]
        stamp = cache(_stamp)  # many images may lie in one file
        self.family = _hash([rule, [image.name for image in images]])
        self._stamps = [[stamp(file) for file in image.files] for image in images]
        self._parent, self._images, self._coarsening = parent, images, coarsening

    @cached_property
    def directory(self) -> Path:
        """Of the cache."""
        states = [
            stamps or _digest(image)
            for image, stamps in zip(self._images, self._stamps, strict=True)
        ]
        return self._parent / f"{self.family}-{_hash(states)}"

    def find(self) -> ImageCache | None:
        """The cache, if it is there and whole."""
        if not any(self._parent.glob(f"{self.family}-*")):
            return None
        try:
            return ImageCache(self.directory, self._coarsening)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def fill(self, images: Iterable[Levels], skipped: Sequence[str]) -> ImageCache:
        """The cache, made of these images unless another process has made it meanwhile.

        Caches of an earlier state of the same images, and what was left half-made, are removed.

        Args:
            images: consumed one by one; errors of reading them pass through.
            skipped: looked at when all images have come.

        Raises:
            OSError: if it can't be written; nothing is left of it then.
        """
        with _writing(self._parent):
            self._parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._parent / f"{self.family}.lock")
            lock.acquire()
        try:
            made_meanwhile = self.find()
            if made_meanwhile is not None:
                return made_meanwhile
            for other in self._parent.glob(f"{self.family}-*"):
                shutil.rmtree(other, ignore_errors=True)
            self._write(images, skipped)
            return ImageCache(self.directory, self._coarsening)
        finally:
            lock.release()

    def _write(self, images: Iterable[Levels], skipped: Sequence[str]) -> None:
        part = self.directory.with_name(self.directory.name + ".part")
        try:
            with _writing(self._parent):
                part.mkdir()
            index = {"shapes": self._write_pixels(part, images), "skipped": list(skipped)}
            with _writing(self._parent):
                write_whole(part / "index.json", json.dumps(index))
                os.replace(part, self.directory)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _write_pixels(self, directory: Path, images: Iterable[Levels]) -> list[tuple[int, ...]]:
        """Heights and widths of the images written."""
        shapes = []
        with ExitStack() as stack:
            files: dict[tuple[str, int], IO[bytes]] = {}
            for levels in images:
                shapes.append(levels["clean"][-1].shape[:2])
                with _writing(self._parent):
                    for key, pixels in _by_field_and_level(levels):
                        if key not in files:
                            path = directory / _file_name(*key)
                            files[key] = stack.enter_context(path.open("wb"))
                        files[key].write(np.ascontiguousarray(pixels).data)
            with _writing(self._parent):
                for file in files.values():
                    file.flush()
                    os.fsync(file.fileno())
        return shapes


def _by_field_and_level(levels: Levels) -> Iterator[tuple[tuple[str, int], Pixels]]:
    for field, of_field in levels.items():
        for level, pixels in enumerate(of_field):
            yield (field, level), pixels


def _file_name(field: str, level: int) -> str:
    return f"{field}_{level}.bin"


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.__cause__ or error  # the system's own words
        raise OSError(
            f"image cache in {directory}: can't be written ({reason}). Free some space, name "
            f"another cache_dir, or allow more memory."
        ) from error


def _stamp(file: Path) -> list[int] | None:
    """Size and time of change; None for a file that is missing."""
    try:
        state = file.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]


def _digest(image: NamedImage) -> str:
    """Of an image's pixels."""
    parts = [image.open(), *([image.low()] if image.low else [])]
    of_all = hashlib.sha256()
    for pixels in parts:
        of_all.update(f"{pixels.shape}{pixels.dtype}".encode())
        of_all.update(np.ascontiguousarray(pixels).data)
    return of_all.hexdigest()


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]
