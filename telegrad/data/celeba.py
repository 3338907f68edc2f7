"""CelebA's aligned faces, as they lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data, directory_of, path_option
from telegrad.data.source import NamedImage, Source


@dataclass(frozen=True, kw_only=True)
class CelebA(Data):
    """CelebA's aligned faces, 178×218 pixels, by its own split into training and validation.

    `path/CelebA/img_align_celeba/` holds the images, `path/CelebA/list_eval_partition.txt` their
    names with 0 (training), 1 (validation) or 2 (test, not used). The attributes that come with the
    dataset are not needed.
    """

    name: ClassVar[str] = "celeba"
    default_size: ClassVar[int] = 128

    path: str | None = path_option()

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            FileNotFoundError: if something is missing; the message says what to download and where
                it must lie.
            ValueError: if a line of the split can't be understood.
        """
        root = directory_of(self.path) / "CelebA"
        images, partition = root / "img_align_celeba", root / "list_eval_partition.txt"
        for path in (images, partition):
            if not path.exists():
                raise FileNotFoundError(
                    f"celeba: {path} is missing. Download img_align_celeba.zip and "
                    f"list_eval_partition.txt from mmlab.ie.cuhk.edu.hk/projects/CelebA.html, "
                    f"unpack the first, and put both into {root}; or name another path."
                )
        parts = _parts(partition)
        there = {file.name for file in images.iterdir()}
        absent = [name for names in parts.values() for name in names if name not in there]
        if absent:
            raise FileNotFoundError(
                f"celeba: {partition} names {len(absent):,} images that {images} lacks, "
                f"{absent[0]} the first. Unpack img_align_celeba.zip again, whole."
            )
        train, val = ([NamedImage.of_file(images / name) for name in parts[k]] for k in "01")
        if not (train and val):
            raise ValueError(
                f"celeba: {partition} leaves no images to train on, or none to validate."
            )
        return Source(self.name, train, val)


def _parts(partition: Path) -> dict[str, list[str]]:
    """Names of the images of each part: 0, 1, 2."""
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for number, line in enumerate(partition.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            name, part = line.split()
            if Path(name).name != name:
                raise ValueError("a path, not a name")
            parts[part].append(name)
        except (ValueError, KeyError):
            raise ValueError(
                f"celeba: {partition}, line {number}: {line!r} is not the name of an image and "
                f"0, 1 or 2."
            ) from None
    return parts
