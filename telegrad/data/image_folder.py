"""The images in a folder, as people have them: links, hidden files, odd names, our own results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .bmp .dib .tif .tiff .webp .ppm .pgm .pbm .pnm .gif .avif .heic "
    ".heif .jp2".split()
)
"""Of files that are taken for images, where Pillow reads them."""

OUTPUT_MARK = ".telegrad"
"""A file of this name lies in a folder that was made for results; they are not input."""

_RESULTS = "folders of results"

_STREWN = frozenset({"thumbs.db", "desktop.ini", "@eadir", "__macosx", "ehthumbs.db"})
"""What operating systems leave in folders, besides hidden files."""


@dataclass(frozen=True)
class ImageFolder:
    """The image files in a folder and its subfolders.

    Attributes:
        directory: of them all.
        files: in the order of their paths.
        left_out: how many other files and folders there are, by the reason.
    """

    directory: Path
    files: tuple[Path, ...]
    left_out: Mapping[str, int]

    @property
    def said(self) -> str:
        """What was left out, in words; empty if nothing was, or our own results only."""
        of_user = {why: n for why, n in self.left_out.items() if why != _RESULTS}
        return ", ".join(f"{why} ({n})" for why, n in sorted(of_user.items()))


def list_images(directory: str | Path) -> ImageFolder:
    """The image files in a folder and its subfolders, links followed, each folder once.

    Hidden files and folders are passed over, as are folders that hold results of this program and
    files that Pillow can't read here.

    Raises:
        ValueError: if the folder can't be read.
    """
    directory = Path(directory)
    files: list[Path] = []
    left_out: Counter[str] = Counter()
    for file in _walk(directory, left_out):
        suffix = file.suffix.lower()
        if suffix not in IMAGE_SUFFIXES:
            left_out["files of other types"] += 1
        elif not file.exists():
            left_out["links to nothing"] += 1
        elif not file.is_file():
            left_out["other things named like images"] += 1
        elif suffix not in readable_suffixes():
            left_out[f"{suffix} that Pillow doesn't read here"] += 1
        else:
            files.append(file)
    return ImageFolder(directory, tuple(sorted(files)), dict(left_out))


def images_in(directory: str | Path) -> list[Path]:
    """The files of `list_images`.

    Raises:
        ValueError: if there are none, or the folder can't be read.
    """
    return list(checked(list_images(directory)).files)


def checked(folder: ImageFolder) -> ImageFolder:
    """The same, if there are images.

    Raises:
        ValueError: if there are none.
    """
    if not folder.files:
        besides = f" (but {folder.said})" if folder.said else ""
        raise ValueError(
            f"folder: no images in {folder.directory}{besides}; needs files ending in "
            f"{', '.join(sorted(readable_suffixes()))}."
        )
    return folder


def readable_suffixes() -> frozenset[str]:
    """Those of `IMAGE_SUFFIXES` that Pillow reads with what is installed here."""
    Image.init()
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    return IMAGE_SUFFIXES & known


def make_output(directory: Path) -> None:
    """Makes a folder for results, and marks it as such, unless it is there already.

    Raises:
        OSError: if it can't be made.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True)
        (directory / OUTPUT_MARK).write_text(
            "Results of telegrad: images in this folder are not taken for input.\n",
            encoding="utf-8",
        )


def _walk(directory: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Everything that is no folder; what is passed over is counted."""
    root = os.path.realpath(directory)
    seen = {root}

    def refused(error: OSError) -> None:
        raise ValueError(f"folder: {error.filename or directory} can't be read ({error}).")

    for place, folders, files in os.walk(directory, followlinks=True, onerror=refused):
        entered = []
        for name in sorted(folders):
            folder, real = Path(place, name), os.path.realpath(Path(place, name))
            if _is_hidden(name):
                left_out["hidden folders"] += 1
            elif (folder / OUTPUT_MARK).exists():
                left_out[_RESULTS] += 1
            elif real in seen or (folder.is_symlink() and _lies_in(real, root)):
                left_out["links to folders that are in already"] += 1
            else:
                seen.add(real)
                entered.append(name)
        folders[:] = entered
        for name in sorted(files):
            if name == OUTPUT_MARK:
                continue
            if _is_hidden(name):
                left_out["hidden files"] += 1
            else:
                yield Path(place, name)


def _lies_in(path: str, directory: str) -> bool:
    return Path(path).is_relative_to(directory)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _STREWN
