"""Images on disk that memory can't hold: a crop of a level reads that level's bytes alone.

A cache is a folder: `pixels.bin` holds the levels of one image after the other, coarsest first,
`index.json` their heights and widths. Its name is a digest of all that its content follows from, so
that a changed image, or another rule, has another cache. It is written aside and renamed when it is
whole, by one process at a time; the others wait for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
import PIL
from filelock import FileLock

from multiscale.data.levels import Coarsening, Levels
from multiscale.data.sources import NamedImage

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
        self._shapes: list[tuple[int, int]] = [(h, w) for h, w in index["shapes"]]
        halvings = range(coarsening.grids.levels - 1, -1, -1)
        self._halvings = {"clean": list(halvings)}
        if coarsening.pairs:
            self._halvings["low"] = [k + 1 for k in halvings]
        shapes = np.array(self._shapes, np.int64).reshape(-1, 2)
        pixels = sum((shapes >> k).prod(1) for ks in self._halvings.values() for k in ks)
        *self._starts, self.nbytes = np.cumsum([0, *3 * pixels]).tolist()
        there = (directory / "pixels.bin").stat().st_size
        if not self._shapes or there != self.nbytes:
            raise ValueError(f"cache {directory}: {there:,} bytes, needs {self.nbytes:,}")
        self._bytes = np.asarray(np.memmap(directory / "pixels.bin", np.uint8, mode="r"))

    def __len__(self) -> int:
        return len(self._shapes)

    @overload
    def __getitem__(self, k: int) -> Levels: ...

    @overload
    def __getitem__(self, k: slice) -> list[Levels]: ...

    def __getitem__(self, k: int | slice) -> Levels | list[Levels]:
        if isinstance(k, slice):
            return [self[number] for number in range(len(self))[k]]
        (height, width), start = self._shapes[k], self._starts[k]
        found: Levels = {}
        for name, halvings in self._halvings.items():
            levels = []
            for halving in halvings:
                shape = (height >> halving, width >> halving, 3)
                levels.append(np.ndarray(shape, np.uint8, self._bytes, start))
                start += shape[0] * shape[1] * 3
            found[name] = tuple(levels)
        return found


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
            found = self.find()
            if found is None:
                for other in self._parent.glob(f"{self.family}-*"):
                    shutil.rmtree(other, ignore_errors=True)
                self._write(images, skipped)
                found = ImageCache(self.directory, self._coarsening)
            return found
        finally:
            lock.release()

    def _write(self, images: Iterable[Levels], skipped: Sequence[str]) -> None:
        part = self.directory.with_name(self.directory.name + ".part")
        try:
            with _writing(self._parent):
                part.mkdir()
            shapes = self._write_pixels(part / "pixels.bin", images)
            index = {"shapes": shapes, "skipped": list(skipped)}
            with _writing(self._parent):
                with (part / "index.json").open("w", encoding="utf-8") as file:
                    json.dump(index, file)
                    _to_disk(file)
                os.replace(part, self.directory)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _write_pixels(self, path: Path, images: Iterable[Levels]) -> list[tuple[int, ...]]:
        """Heights and widths of the images written."""
        shapes = []
        with path.open("wb") as file:
            for levels in images:
                shapes.append(levels["clean"][-1].shape[:2])
                with _writing(self._parent):
                    for field in levels.values():
                        for pixels in field:
                            file.write(np.ascontiguousarray(pixels).data)
            with _writing(self._parent):
                _to_disk(file)
        return shapes


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(
            f"image cache in {directory}: can't be written ({error}). Free some space, name "
            f"another cache_dir, or allow more memory."
        ) from error


def _to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _stamp(file: Path) -> list[int] | None:
    """Size and time of change; None for a file that is missing."""
    try:
        found = file.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


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
