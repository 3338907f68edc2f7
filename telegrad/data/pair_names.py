"""Which files are an input and its target: by two folders, or by two patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from telegrad.data.companions import Match, by_name, match
from telegrad.data.image_folder import checked, images_in, list_images

SHOWN = 3
"""So many names stand in a message."""


@dataclass(frozen=True)
class PairNames:
    """How an input and its target know each other.

    Two folders: files of the same name, without the suffix; an input's may end in x2, x3, x4 or x8.
    Two patterns, each with one `*`: files for which it stands for the same. A file that both match
    belongs to the longer one.

    Attributes:
        input, target: a folder each, or a pattern each.

    Raises:
        ValueError: for one of each, the same twice, or a pattern with several `*`.
    """

    input: str
    target: str

    def __post_init__(self) -> None:
        stars = self.input.count("*"), self.target.count("*")
        if stars not in ((0, 0), (1, 1)) or self.input == self.target:
            raise ValueError(
                f"pairs: input={self.input!r}, target={self.target!r}; needs two folders, such as "
                f"lq and gt, or two patterns with one * each, such as '*_noisy.png' and "
                f"'*_clean.png' (in quotes, for the shell)."
            )

    @property
    def are_patterns(self) -> bool:
        return "*" in self.input

    def in_folder(self, directory: Path) -> Match:
        """The targets (images) and inputs (companions) in a directory, by name.

        Raises:
            FileNotFoundError: if one of two folders is not there.
            ValueError: if there are no files of one of both.
        """
        return self._by_patterns(directory) if self.are_patterns else self._by_folders(directory)

    def _by_folders(self, directory: Path) -> Match:
        inputs, targets = directory / self.input, directory / self.target
        for option, folder in (("input", inputs), ("target", targets)):
            if not folder.is_dir():
                there = few(sorted(p.name for p in directory.iterdir() if p.is_dir()))
                raise FileNotFoundError(
                    f"pairs: --data.{option} {folder.name}: {folder} is not a directory; the "
                    f"folders there: {there or 'none'}."
                )
        return match(by_name(images_in(targets), targets), by_name(images_in(inputs), inputs))

    def _by_patterns(self, directory: Path) -> Match:
        files = checked(list_images(directory)).files
        names: dict[str, dict[str, list[Path]]] = {self.input: {}, self.target: {}}
        for file in files:
            path = file.relative_to(directory).as_posix()
            stands = {p: s for p in names if (s := _star(p, path)) is not None}
            longest = max(map(len, stands), default=0)
            for pattern, star in stands.items():
                if len(pattern) == longest:
                    names[pattern].setdefault(star, []).append(file)
        for option, pattern in (("input", self.input), ("target", self.target)):
            if not names[pattern]:
                raise ValueError(
                    f"pairs: --data.{option} '{pattern}' matches none of {len(files)} images in "
                    f"{directory}, such as {few(f.relative_to(directory) for f in files)}."
                )
        return match(names[self.target], names[self.input])


def faults_of(found: Match) -> list[str]:
    """What is wrong with files that are in no pair, a line for each name."""
    words = {"images": "targets", "companions": "inputs"}
    several = [
        f"{len(files)} {words[what]} of the name {name!r}: {few(files)}"
        for what, name, files in found.several
    ]
    return [*several, *(f"{file}: there is no other of its name" for file in found.alone)]


def few(names: Iterable[object]) -> str:
    """The first of these names, and how many more there are."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - SHOWN} more" * (len(shown) > SHOWN)
    return ", ".join(shown[:SHOWN]) + more


def _star(pattern: str, path: str) -> str | None:
    """What the * of a pattern stands for in a path; None if it does not match.

    >>> _star("*_real.JPG", "day/a_real.JPG"), _star("*_real.JPG", "a_mean.JPG")
    ('day/a', None)
    """
    before, _, after = pattern.partition("*")
    found = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", path)
    return found and found[1]
