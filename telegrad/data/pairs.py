"""Pairs of images as they were taken: an input, and the target that a network should make of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data
from telegrad.data.companions import paired
from telegrad.data.pair_names import PairNames, faults_of, few
from telegrad.data.source import NamedImage, Source
from telegrad.data.splits import TEST, TRAIN, VALIDATION, every_tenth, subfolder
from telegrad.data.usable import fault
from telegrad.options import NEEDED, option

Pair = tuple[Path, Path]
"""A target and its input."""


@dataclass(frozen=True, kw_only=True)
class Pairs(Data):
    """Pairs of images in two folders, or in one by two patterns; see `PairNames`.

    An image is the target, its companion the input. Both are cropped at the same place and carried
    to coarse levels together. A target may be 1, 2, 3, 4 or 8 times larger than its input, a side:
    the scale of the task.

    Subfolders `train` and `val` (or `valid`, `validation`) of `path`, each with the two folders or
    the files in it, are used as their names say; `test` is left alone. Without them every tenth
    pair (the first, the eleventh, …), by name, is kept for validation.
    """

    name: ClassVar[str] = "pairs"

    path: str = option(
        NEEDED,
        "folder of the pairs, with train and val in it, or split by name: every tenth validates",
        path=True,
    )
    input: str = option(
        NEEDED, "folder of the inputs, such as lq, or a pattern, such as '*_noisy.png'"
    )
    target: str = option(
        NEEDED, "folder of the targets, such as gt, or a pattern, such as '*_clean.png'"
    )
    max_pixels: int | None = option(
        None,
        "that an image's header may announce; else twice Pillow's limit",
        unit="pixels",
        least=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.names  # noqa: B018  raises for what can't be

    @property
    def names(self) -> PairNames:
        """Which files make a pair."""
        return PairNames(self.input, self.target)

    @property
    def skips(self) -> bool:
        """Whether files that can't be used are left out."""
        return self.bad_images == "skip"

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            FileNotFoundError: if a folder does not exist.
            ValueError: if there are no pairs, only one without a split, or files that are in no
                pair or leave a choice, unless these are skipped.
        """
        root = self._directory()
        train, val, test = (subfolder(root, names) for names in (TRAIN, VALIDATION, TEST))
        notes = [] if test is None else [f"{test} is for testing, and left alone"]
        if train is None and (val or test):
            raise ValueError(
                f"pairs: {root} has {(val or test).name} and no train; needs pairs to train on in "  # type: ignore[union-attr]
                f"{root / 'train'}, or a folder without such subfolders."
            )
        found, left_out = self._found(train or root)
        if val is not None:
            validating, more = self._found(val)
            split, left_out = (found, validating), left_out + more
        else:
            split = every_tenth(found, self._usable if self.skips else None)
            if not all(split):
                raise ValueError(
                    f"pairs: {len(split[1])} of {len(found)} pairs in {train or root} can be used; "
                    f"needs two or more, one of them to validate on, or folders train and val."
                )
        if left_out:
            notes.append(f"left out {left_out} names without a pair")
        return Source(self.name, self._named(split[0]), self._named(split[1]), tuple(notes))

    def all_images(self) -> Source:
        """All pairs of the folder, to evaluate on; none to train on.

        Raises:
            FileNotFoundError, ValueError: as `source`, and for a folder with train in it.
        """
        root = self._directory()
        if train := subfolder(root, TRAIN):
            other = subfolder(root, VALIDATION) or subfolder(root, TEST) or train
            raise ValueError(
                f"pairs: {root} holds {train.name}, whose pairs would be mixed with others; name "
                f"one folder: --data.path {other}."
            )
        found, left_out = self._found(root)
        notes = (f"left out {left_out} names without a pair",) if left_out else ()
        return Source(self.name, (), self._named(found), notes)

    def _directory(self) -> Path:
        directory = Path(self.path)
        if not directory.is_dir():
            raise FileNotFoundError(
                f"pairs: {directory} is not a directory; needs a folder with pairs of images: "
                f"--data Pairs --data.path DIR --data.input lq --data.target gt."
            )
        return directory

    def _found(self, directory: Path) -> tuple[list[Pair], int]:
        """The pairs by name, and the number of names without one.

        Raises:
            ValueError: if there are none, or files in no pair, unless these are skipped.
        """
        found = self.names.in_folder(directory)
        faults = faults_of(found)
        if faults and not self.skips:
            raise ValueError(
                f"pairs: {directory}: {len(faults)} names without a pair ({few(faults)}). Mend or "
                f"remove them, or use bad_images=skip."
            )
        for what in faults:
            warnings.warn(f"skipped {what}", stacklevel=2)
        if not found.pairs:
            raise ValueError(f"pairs: no pairs in {directory}; the warnings above say why.")
        return [found.pairs[name] for name in sorted(found.pairs)], len(faults)

    def _named(self, pairs: Sequence[Pair]) -> list[NamedImage]:
        root = Path(self.path)
        targets = [NamedImage.of_file(target, root, self.max_pixels) for target, _ in pairs]
        return paired(targets, [given for _, given in pairs], self.max_pixels)

    def _usable(self, pair: Pair, whole: bool) -> bool:
        """Whether both can be read, the target as large as a crop; else there is a warning."""
        target, given = pair
        for file, crop in ((target, self.crop), (given, 1)):
            if why := fault(file, crop, self.max_pixels, whole):
                warnings.warn(f"skipped {why}", stacklevel=2)
                return False
        return True
