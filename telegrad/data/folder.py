"""Any folder of images."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data
from telegrad.data.identical import identical_files
from telegrad.data.source import NamedImage, Source
from telegrad.data.splits import split_folder, whole_folder
from telegrad.data.usable import fault
from telegrad.options import NEEDED, option


@dataclass(frozen=True, kw_only=True)
class Folder(Data):
    """Any folder of images, of any sizes, with its subfolders.

    Subfolders `train`, `val` (or `valid`, `validation`) and `test` are used as their names say,
    and `test` not at all; a `train` alone is split itself. Without them the files are sorted by
    name and every tenth that can be used (the first, the eleventh, …) is kept for validation.
    """

    name: ClassVar[str] = "folder"

    path: str = option(
        NEEDED,
        "folder of images, with train and val in it, or split by name: every tenth validates",
        path=True,
    )
    max_pixels: int | None = option(
        None,
        "that an image's header may announce; else twice Pillow's limit",
        unit="pixels",
        least=1,
    )

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            FileNotFoundError: if the directory does not exist.
            ValueError: if there are no images in it, only one without a split, images beside its
                folders train and val, or pairs of corrupted and clean images.
        """
        split = split_folder(self._directory(), self._usable if self.skips else None)
        notes = list(split.notes)
        if same := identical_files(split.train, split.val):
            both = ", ".join(f"{a.name} = {b.name}" for a, b in same[:3])
            notes.append(
                f"{len(same)} of {len(split.val)} images to validate on are also trained on, as "
                f"identical files ({both}{', …' * (len(same) > 3)})"
            )
        return Source(self.name, self._named(split.train), self._named(split.val), tuple(notes))

    def all_images(self) -> Source:
        """All images of the folder, to evaluate on; none to train on.

        Raises:
            FileNotFoundError, ValueError: as `source`, and for a folder with train and test in it.
        """
        images = whole_folder(self._directory())
        notes = (f"left out {images.said}",) if images.said else ()
        return Source(self.name, (), self._named(images.files), notes)

    @property
    def skips(self) -> bool:
        """Whether images that can't be used are left out."""
        return self.bad_images == "skip"

    def _directory(self) -> Path:
        directory = Path(self.path)
        if not directory.is_dir():
            raise FileNotFoundError(
                f"folder: {directory} is not a directory; needs a folder with images: "
                f"--data Folder --data.path DIR."
            )
        return directory

    def _named(self, files: tuple[Path, ...]) -> list[NamedImage]:
        root = Path(self.path)
        return [NamedImage.of_file(file, root, self.max_pixels) for file in files]

    def _usable(self, file: Path, whole: bool) -> bool:
        """Whether it is an image as large as a crop, by its header or read as a whole.

        One that is not is named in a warning.
        """
        why = fault(file, self.crop, self.max_pixels, whole)
        if why is not None:
            warnings.warn(f"skipped {why}", stacklevel=2)
        return why is None
