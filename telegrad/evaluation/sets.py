"""Sets of images to evaluate on: folders, each with a name, all of whose images can be used."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from telegrad.data import Folder, NamedImage, Pairs
from telegrad.evaluation.whole import trimmed_pixels
from telegrad.tasks import Task


@dataclass(frozen=True)
class ImageSet:
    """All images of a folder.

    Attributes:
        name: of the folder.
        images: in the order of their paths.
        pixels: of all of them.
    """

    name: str
    images: tuple[NamedImage, ...]
    pixels: int


def image_sets(
    paths: Sequence[str], task: Task, pairs: Pairs | None = None, **options: Any
) -> list[ImageSet]:
    """The sets in these folders, after each of their images was read once.

    Args:
        paths: of the folders; their last parts are the sets' names, with as much before them as
            tells them apart.
        task: whose images they are to be.
        pairs: how files make pairs, for a task that needs them.
        options: of `Folder`, or of `Pairs`: `bad_images`, `max_pixels`.

    Raises:
        FileNotFoundError, ValueError: for no folder, one given twice or without images.
        OSError, ValueError: for an image that can't be used, unless `bad_images` is `skip`.
    """
    if not paths:
        raise ValueError("evaluate: no folder; needs one with images, or several.")
    places = [Path(path).resolve() for path in paths]
    for path in paths:
        if not Path(path).is_dir():
            raise FileNotFoundError(
                f"{path} is not a directory; needs folders of images to measure on, as in "
                f"--validation.sets DIR … of training, or telegrad evaluate MODEL DIR …."
            )
    for place in places:
        if places.count(place) > 1:
            raise ValueError(f"evaluate: {place} is given twice.")
    folders: list[Folder | Pairs] = [
        Folder(path=path, **options) if pairs is None else replace(pairs, path=path, **options)
        for path in paths
    ]
    return [_set(n, f, task) for n, f in zip(_names(places), folders, strict=True)]


def _names(places: Sequence[Path]) -> list[str]:
    names = []
    for place in places:
        parts = 1
        while sum(p.parts[-parts:] == place.parts[-parts:] for p in places) > 1:
            parts += 1
        names.append("/".join(place.parts[-parts:]))
    return names


def _set(name: str, folder: Folder | Pairs, task: Task) -> ImageSet:
    source = folder.all_images()
    for note in source.notes:
        warnings.warn(f"{folder.path}: {note}", stacklevel=2)
    images, pixels = [], 0
    for image in source.val:
        try:
            height, width = trimmed_pixels(task, image)["clean"].shape[:2]
        except (OSError, ValueError) as error:
            if not folder.skips:
                raise type(error)(f"{error}. Mend or remove it, or use bad_images=skip.") from error
            warnings.warn(f"skipped {error}", stacklevel=2)
            continue
        images.append(image)
        pixels += height * width
    if not images:
        raise ValueError(f"evaluate: none of {len(source.val)} images can be used.")
    return ImageSet(name, tuple(images), pixels)
