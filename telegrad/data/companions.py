"""Images and their companions, such as noisy ones or ones of low resolution: pairs, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    found = match(by_name(images, root), by_name(low, low_root))
    for what, name, files in found.several:
        raise ValueError(
            f"image_pyramid: {len(files)} {what} of the name {name!r}: "
            f"{', '.join(map(str, files[:3]))}; needs one each. Leave the others out, rename "
            f"them, or give a folder, whose subfolders are part of the name."
        )
    if alone := found.alone:
        raise ValueError(
            f"image_pyramid: {len(alone)} image{'s' * (len(alone) > 1)} without a companion of the "
            f"same name, such as {', '.join(map(str, alone[:3]))}; leave them out (lists of files "
            f"can), or rename them."
        )
    return [found.pairs[name][1] for name in by_name(images, root)]


@dataclass(frozen=True)
class Match:
    """Images and companions of the same names, and what is left of them.

    Attributes:
        pairs: image and companion, by name.
        several: files of one name, of which one would be a guess: what they are, the name, and all.
        alone: files without another of their name.
    """

    pairs: dict[str, tuple[Path, Path]]
    several: tuple[tuple[str, str, list[Path]], ...]
    alone: tuple[Path, ...]


def match(images: Mapping[str, list[Path]], companions: Mapping[str, list[Path]]) -> Match:
    """The companion of each image: the one of its name, or else of its name with x2, x3, x4 or x8.

    Args:
        images, companions: files by name, see `by_name`.
    """
    scaled: dict[str, list[Path]] = {}
    for name, files in companions.items():
        if name not in images:
            scaled.setdefault(_SCALED.sub("", name), []).extend(files)
    found = {name: companions.get(name) or scaled.get(name, []) for name in images}
    several = [("images", name, files) for name, files in images.items() if len(files) > 1]
    lists = {**companions, **{name: files for name, files in found.items() if files}}
    several += [("companions", name, files) for name, files in lists.items() if len(files) > 1]
    pairs = {
        name: (images[name][0], files[0])
        for name, files in found.items()
        if len(images[name]) == len(files) == 1
    }
    used = {file for pair in pairs.values() for file in pair}
    used |= {file for _, _, files in several for file in files}
    used |= {file for name in found if len(images[name]) > 1 for file in found[name]}
    alone = [file for name, files in images.items() if not found[name] for file in files]
    alone += sorted(file for files in companions.values() for file in files if file not in used)
    return Match(pairs, tuple(several), tuple(file for file in alone if file not in used))


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


def scale_of(pairs: Sequence[NamedImage], bad_images: BadImages) -> tuple[int, NamedImage]:
    """How many times larger images are than their companions, a side; and the pair that says so.

    Args:
        pairs: one or more.
        bad_images: where it is `skip`, the first pair that can be used says it; else the first.

    Raises:
        OSError: if an image can't be read.
        ValueError: if sizes don't match, or no pair can be used.
    """
    refused: list[Exception] = []
    for pair in pairs:
        try:
            return _scale(pair), pair
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


def by_name(files: Iterable[Path], root: Path | None) -> dict[str, list[Path]]:
    """Files by their names without the suffix, within the folder `root` if that is given."""
    of_name: dict[str, list[Path]] = {}
    for file in files:
        name = file.relative_to(root) if root else Path(file.name)
        of_name.setdefault(name.with_suffix("").as_posix(), []).append(file)
    return of_name
