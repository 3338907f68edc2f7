"""Images and their companions, such as noisy ones or ones of low resolution: pairs, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from telegrad.data.base import BadImages
from telegrad.data.image_files import read_rgb
from telegrad.data.source import NamedImage

SCALES = (1, 2, 3, 4, 8)
"""How many times larger than its companion an image may be, a side."""

_SCALED = re.compile(r"[_-]?x[2348]$", re.IGNORECASE)
"""The end of a companion's name that says so."""


def companions_of(
    images: Sequence[Path], low: Sequence[Path], root: Path | None, low_root: Path | None
) -> list[Path]:
    """The companion of each image: the one of its name, or else of its name with x2, x3, x4 or x8.

    Args:
        images, low: files. Their names are those without the suffix.
        root, low_root: the folders that they are from; their subfolders are then part of a name.

    Raises:
        ValueError: if two images or two companions have the same name, or one of them is alone.
    """
    wanted = _one_each("images", _by_name((_name(file, root), file) for file in images))
    there = _one_each("companions", _by_name((_name(file, low_root), file) for file in low))
    found = {name: there.pop(name) for name in wanted if name in there}
    scaled = _by_name((_SCALED.sub("", name), file) for name, file in there.items())
    left = {name: scaled[name] for name in wanted if name not in found and name in scaled}
    found |= _one_each("companions", left)
    alone = [file for name, file in wanted.items() if name not in found]
    alone += sorted(set(there.values()) - set(found.values()))
    if alone:
        raise ValueError(
            f"image_pyramid: {len(alone)} image{'s' * (len(alone) > 1)} without a companion of the "
            f"same name, such as {', '.join(map(str, alone[:3]))}; leave them out, or give lists "
            f"of files."
        )
    return [found[name] for name in wanted]


def paired(
    images: Sequence[NamedImage], companions: Sequence[Path], max_pixels: int | None
) -> list[NamedImage]:
    """Each image with its companion, opened as the images are."""
    return [
        replace(
            image,
            low=partial(read_rgb, companion, max_pixels),
            files=(*image.files, companion),
        )
        for image, companion in zip(images, companions, strict=True)
    ]


def scale_of(pairs: Sequence[NamedImage], bad_images: BadImages) -> int:
    """How many times larger images are than their companions, a side: those of the first pair.

    Args:
        pairs: one or more.
        bad_images: where it is `skip`, those of the first pair that can be used.

    Raises:
        OSError: if an image can't be read.
        ValueError: if sizes don't match, or no pair can be used.
    """
    refused: list[Exception] = []
    for pair in pairs:
        try:
            return _scale(pair)
        except (OSError, ValueError) as error:
            if bad_images != "skip":
                raise
            refused.append(error)
    raise ValueError(
        f"image_pyramid: none of {len(pairs)} pairs can be used; of the first: {refused[0]}"
    ) from refused[0]


def _scale(pair: NamedImage) -> int:
    assert pair.low is not None
    (height, width), (h, w) = pair.open().shape[:2], pair.low().shape[:2]
    for scale in SCALES:
        if (height, width) == (scale * h, scale * w):
            return scale
    raise ValueError(
        f"image_pyramid: {pair.name} has {height}×{width} pixels and its companion {h}×{w}; needs "
        f"the same size, or one smaller by a factor of {', '.join(map(str, SCALES[1:]))}."
    )


def _name(file: Path, root: Path | None) -> str:
    return (file.relative_to(root) if root else Path(file.name)).with_suffix("").as_posix()


def _by_name(files: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    of_name: dict[str, list[Path]] = {}
    for name, file in files:
        of_name.setdefault(name, []).append(file)
    return of_name


def _one_each(what: str, of_name: Mapping[str, list[Path]]) -> dict[str, Path]:
    """Raises ValueError for a name of several files: which one is meant would be a guess."""
    for name, files in of_name.items():
        if len(files) > 1:
            raise ValueError(
                f"image_pyramid: {len(files)} {what} of the name {name!r}: "
                f"{', '.join(map(str, files[:3]))}; needs one each. Leave the others out, rename "
                f"them, or give a folder, whose subfolders are part of the name."
            )
    return {name: files[0] for name, files in of_name.items()}
