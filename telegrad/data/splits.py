"""Which images of a folder are trained on, and which are validated on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telegrad.data.image_folder import ImageFolder, checked, list_images

EVERY = 10
"""Of images that come without a split, the first, the eleventh, … validate."""

TRAIN = frozenset({"train", "training"})
VALIDATION = frozenset({"val", "valid", "validation"})
TEST = frozenset({"test", "testing"})

_CORRUPTED = frozenset(
    "noisy lq lr input inputs blur blurry blurred low degraded rainy hazy lowres real".split()
)
_CLEAN = frozenset(
    "clean gt hr target targets sharp high groundtruth reference clear mean highres".split()
)
_PLAIN = frozenset({"noisy", "lq", "lr", "gt", "hr", "groundtruth"})
"""Those of these words that say it as a part of a folder's name too."""

Item = TypeVar("Item")

Usable = Callable[[Path, bool], bool]
"""Whether an image can be used: by its header, or read as a whole."""


@dataclass(frozen=True)
class Split:
    """Files to train on and to validate on, and what is to be said of the others."""

    train: tuple[Path, ...]
    val: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def split_folder(directory: Path, usable: Usable | None = None) -> Split:
    """The images of a folder in two parts.

    Subfolders `train`, `val` (`valid`, `validation`) and `test` mean what they say: what lies in
    `test` is left alone, and without a folder to validate on, the split is of `train`. A folder
    without these is split by name: every tenth usable image validates.

    Args:
        directory: the folder.
        usable: whether an image can be used; all of them, if not given.

    Raises:
        ValueError: for a folder with too few images, images beside those subfolders, or pairs of
            corrupted and clean images.
    """
    train, val, test = (subfolder(directory, names) for names in (TRAIN, VALIDATION, TEST))
    if train is None and val is None and test is None:
        images = checked(list_images(directory))
        refuse_splits_below(images)
        refuse_pairs(images)
        return _by_name(images, usable)
    named = [part for part in (train, val, test) if part is not None]
    beside = _images_beside(directory, named)
    if beside and (train is None or val is None):
        names = " and ".join(part.name for part in named)
        raise ValueError(
            f"folder: {directory} has {names}, and {len(beside)} images beside "
            f"{'it' if len(named) == 1 else 'them'} ({beside[0].relative_to(directory)}); needs "
            f"all of them in train, val or test, or name one folder: "
            f"--data.path {directory / named[0].name}."
        )
    if train is None:
        there = " and ".join(part.name for part in (val, test) if part is not None)
        raise ValueError(
            f"folder: {directory} has {there} and no train; needs images to train on in "
            f"{directory / 'train'}, or a folder of images without such subfolders."
        )
    parts = [checked(list_images(part)) for part in (train, val) if part is not None]
    for part in parts:
        refuse_splits_below(part)
        refuse_pairs(part)
    notes = [f"{len(beside)} images beside train and val are left alone"] if beside else []
    if test is not None:
        notes.append(f"{test} is for testing, and left alone")
    if val is None:
        of_train = _by_name(parts[0], usable)
        return Split(of_train.train, of_train.val, (*of_train.notes, *notes))
    said = [f"{part.directory}: left out {part.said}" for part in parts if part.said]
    return Split(parts[0].files, parts[1].files, (*said, *notes))


def whole_folder(directory: Path) -> ImageFolder:
    """All images of a folder, to evaluate on.

    Raises:
        ValueError: if there are none, or it holds images to train on beside others, or pairs.
    """
    images = checked(list_images(directory))
    refuse_splits_below(images)
    refuse_pairs(images)
    return images


def every_tenth(
    items: Sequence[Item], usable: Callable[[Item, bool], bool] | None
) -> tuple[list[Item], list[Item]]:
    """Those to train on, and every tenth usable one, which validates; see `Usable`.

    If one can't be read, the next one takes its place. Only those that would validate are read for
    that; of the others, their headers.
    """
    train: list[Item] = []
    val: list[Item] = []
    for item in items:
        validates = len(train) + len(val) == EVERY * len(val)
        if usable is None or (usable(item, False) and (not validates or usable(item, True))):
            (val if validates else train).append(item)
    return train, val


def _by_name(images: ImageFolder, usable: Usable | None) -> Split:
    train, val = every_tenth(images.files, usable)
    of, good = len(images.files), len(train) + len(val)
    if not train:
        which = "only one image" if of == 1 else f"only {good} of {of} images can be used"
        raise ValueError(
            f"folder: {which} in {images.directory}; needs two or more, one of them to validate "
            f"on, or folders train and val in it."
        )
    notes = [f"left out {images.said}"] if images.said else []
    if good < of:
        notes.append(f"left out {of - good} of {of} images, which can't be used")
    return Split(tuple(train), tuple(val), tuple(notes))


def subfolder(directory: Path, names: frozenset[str]) -> Path | None:
    """The subfolder of one of these names, in capitals or not.

    Raises:
        ValueError: if there are several.
    """
    try:
        there = sorted(p for p in directory.iterdir() if p.name.lower() in names and p.is_dir())
    except OSError as error:
        raise ValueError(f"folder: {directory} can't be read ({error}).") from error
    if len(there) > 1:
        raise ValueError(
            f"folder: {directory} has {' and '.join(p.name for p in there)}, which mean the same; "
            f"needs one of them."
        )
    return there[0] if there else None


def _images_beside(directory: Path, parts: Sequence[Path]) -> list[Path]:
    """Images that are in none of the parts."""
    files = list_images(directory).files
    return [file for file in files if not any(part in file.parents for part in parts)]


def refuse_splits_below(images: ImageFolder) -> None:
    """Raises ValueError if a folder somewhere below is one of images to train or to test on."""
    for file in images.files:
        for part in file.relative_to(images.directory).parts[:-1]:
            if part.lower() in TRAIN | VALIDATION | TEST:
                inner = file
                while inner.name != part:
                    inner = inner.parent
                raise ValueError(
                    f"folder: {images.directory} holds {inner.relative_to(images.directory)}, "
                    f"whose images would be mixed with others; name one folder: "
                    f"--data.path {inner}."
                )


def refuse_pairs(images: ImageFolder) -> None:
    """Raises ValueError if the folder holds images and their corrupted versions.

    They are known by the names of folders that lie side by side (`noisy` and `clean`, `DIV2K_HR`
    and `DIV2K_LR_x2`), or of files (`a_noisy.png` and `a_clean.png`).
    """
    for place, names in _folders(images).items():
        corrupted = [name for name in names if _said_by(name) & _CORRUPTED]
        clean = [name for name in names if _said_by(name) & _CLEAN and name not in corrupted]
        if corrupted and clean:
            raise ValueError(
                f"folder: {place} holds {corrupted[0]} and {clean[0]}, pairs of corrupted and "
                f"clean images; a task corrupts clean ones itself: --data.path {place / clean[0]}. "
                f"To train on the pairs: train pairs --data Pairs --data.path {place} "
                f"--data.input {corrupted[0]} --data.target {clean[0]}."
            )
    by_rest: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    kinds: dict[tuple[Path, str], set[bool]] = defaultdict(set)
    for file in images.files:
        words = _in_order(file.stem)
        for word in words:
            if word in _CORRUPTED | _CLEAN:
                key = file.parent, "_".join("*" if w == word else w for w in words)
                by_rest[key].append(file)
                kinds[key].add(word in _CLEAN)
    paired = [files for key, files in by_rest.items() if len(kinds[key]) == 2]
    if paired and 2 * sum(map(len, paired)) >= len(images.files):
        first, second = paired[0][:2]
        raise ValueError(
            f"folder: {images.directory} holds {first.name} and {second.name}, pairs of corrupted "
            f"and clean images; a task corrupts clean ones itself. Put the clean ones into a "
            f"folder of their own, or train on the pairs: train pairs --data Pairs, with patterns "
            f"for --data.input and --data.target."
        )


def _folders(images: ImageFolder) -> dict[Path, list[str]]:
    """Names of the folders with images in them, by the folder that they lie in."""
    inside: dict[Path, set[str]] = defaultdict(set)
    for parent in {file.parent for file in images.files}:
        while parent != images.directory:
            inside[parent.parent].add(parent.name)
            parent = parent.parent
    return {place: sorted(names) for place, names in sorted(inside.items())}


def _in_order(name: str) -> list[str]:
    """A name's words, in lower case.

    >>> _in_order("DIV2K_train_LR-bicubic")
    ['div2k', 'train', 'lr', 'bicubic']
    """
    return [word for word in re.split(r"[\W_]+", name.lower()) if word]


def _said_by(name: str) -> frozenset[str]:
    """A folder's whole name, and those of its words that are plain."""
    words = _in_order(name)
    return (frozenset(words) & _PLAIN) | {"".join(words)}
