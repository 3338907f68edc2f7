"""Where images come from: the photographs built into a dependency, or any folder of images.

A source is two lists of named images, one to train on and one to validate on, that are opened only
when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

Pixels = np.ndarray
"""An RGB image, uint8, shape (height, width, 3)."""


@dataclass(frozen=True)
class NamedImage:
    """An image that can be opened, and the name by which to report it."""

    name: str
    open: Callable[[], Pixels]


@dataclass(frozen=True)
class Source:
    """Images to train on and images to validate on; no image is in both."""

    name: str
    train: Sequence[NamedImage]
    val: Sequence[NamedImage]


def read_rgb(file: str | Path) -> Pixels:
    """An image file as RGB, turned upright as its EXIF orientation says.

    Raises:
        OSError: if it can't be read, is truncated, or is not an image; the message names the file.
    """
    try:
        with Image.open(file) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(f"{file}: can't be read as an image ({error})") from error


BUILT_IN_TRAIN = (
    "astronaut.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
)
BUILT_IN_VAL = ("chelsea.png", "rocket.jpg")


def built_in() -> Source:
    """Real photographs that ship inside scikit-image; nothing is downloaded.

    Six to train on (a portrait, a cup, a garage, a galaxy field, a tissue section, a retina) and
    two others to validate on (a cat, a rocket launch), 300 to 1411 pixels high. Their origins are
    in scikit-image's `data/README.txt`.
    """
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return Source(
        "photographs",
        [_file(folder / name) for name in BUILT_IN_TRAIN],
        [_file(folder / name) for name in BUILT_IN_VAL],
    )


IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})


def folder(directory: str | Path) -> Source:
    """Any folder of images, of any sizes, with its subfolders.

    `directory/train` and `directory/val` are used where both exist. Otherwise the files are sorted
    by name and every tenth (the first, the eleventh, …) is kept for validation.

    Raises:
        FileNotFoundError: if the directory does not exist.
        ValueError: if there are no images in it, or only one without a split.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"folder: {directory} is not a directory; needs a folder with images."
        )
    if (directory / "train").is_dir() and (directory / "val").is_dir():
        train, val = _images_in(directory / "train"), _images_in(directory / "val")
    else:
        images = _images_in(directory)
        if len(images) < 2:
            raise ValueError(
                f"folder: only one image in {directory}; needs two or more, one of them to "
                f"validate on, or folders train and val in it."
            )
        val = images[::10]
        train = [image for k, image in enumerate(images) if k % 10]
    return Source("folder", train, val)


def _images_in(directory: Path) -> list[NamedImage]:
    try:
        files = sorted(f for f in directory.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise ValueError(f"folder: {directory} can't be read ({error}).") from error
    if not files:
        raise ValueError(
            f"folder: no images in {directory}; needs files ending in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return [_file(f) for f in files]


def _file(path: Path) -> NamedImage:
    return NamedImage(str(path), lambda: read_rgb(path))
