"""Where images come from: the photographs built into a dependency, or any folder of images.

A source is two lists of named images, one to train on and one to validate on, that are opened only
when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from multiscale.data.images import Pixels, images_in, read_rgb


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
        train, val = images_in(directory / "train"), images_in(directory / "val")
    else:
        images = images_in(directory)
        if len(images) < 2:
            raise ValueError(
                f"folder: only one image in {directory}; needs two or more, one of them to "
                f"validate on, or folders train and val in it."
            )
        val = images[::10]
        train = [image for k, image in enumerate(images) if k % 10]
    return Source("folder", [_file(f) for f in train], [_file(f) for f in val])


def _file(path: Path) -> NamedImage:
    return NamedImage(str(path), lambda: read_rgb(path))
