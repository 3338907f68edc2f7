"""Where images come from: the photographs built into a dependency, any folder of images, CelebA.

A source is two lists of named images, one to train on and one to validate on, that are opened only
when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telegrad.data.image_files import Pixels, images_in, read_rgb


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


def celeba(data_dir: str | Path) -> Source:
    """CelebA's aligned faces, 178×218 pixels, by its own split into training and validation.

    `data_dir/CelebA/img_align_celeba/` holds the images, `data_dir/CelebA/list_eval_partition.txt`
    their names with 0 (training), 1 (validation) or 2 (test, not used). The attributes that come
    with the dataset are not needed.

    Raises:
        FileNotFoundError: if something is missing; the message says what to download and where it
            must lie.
        ValueError: if a line of the split can't be understood.
    """
    root = Path(data_dir) / "CelebA"
    images, partition = root / "img_align_celeba", root / "list_eval_partition.txt"
    for path in (images, partition):
        if not path.exists():
            raise FileNotFoundError(
                f"celeba: {path} is missing. Download img_align_celeba.zip and "
                f"list_eval_partition.txt from mmlab.ie.cuhk.edu.hk/projects/CelebA.html, unpack "
                f"the first, and put both into {root}; or name another data_dir."
            )
    there = {file.name for file in images.iterdir()}
    parts: dict[str, list[NamedImage]] = {"0": [], "1": [], "2": []}
    absent = []
    for number, line in enumerate(partition.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            name, part = line.split()
            parts[part].append(_file(images / name))
        except (ValueError, KeyError):
            raise ValueError(
                f"celeba: {partition}, line {number}: {line!r} is not the name of an image and "
                f"0, 1 or 2."
            ) from None
        if name not in there:
            absent.append(name)
    if absent:
        raise FileNotFoundError(
            f"celeba: {partition} names {len(absent):,} images that {images} lacks, {absent[0]} "
            f"the first. Unpack img_align_celeba.zip again, whole."
        )
    if not (parts["0"] and parts["1"]):
        raise ValueError(f"celeba: {partition} leaves no images to train on, or none to validate.")
    return Source("celeba", parts["0"], parts["1"])


def _file(path: Path) -> NamedImage:
    return NamedImage(str(path), lambda: read_rgb(path), files=(path,))
