"""Any folder of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data
from telegrad.data.image_files import images_in
from telegrad.data.source import NamedImage, Source
from telegrad.options import NEEDED, option


@dataclass(frozen=True, kw_only=True)
class Folder(Data):
    """Any folder of images, of any sizes, with its subfolders.

    `path/train` and `path/val` are used where both exist. Otherwise the files are sorted by name
    and every tenth (the first, the eleventh, …) is kept for validation.
    """

    name: ClassVar[str] = "folder"

    path: str = option(
        NEEDED,
        "folder of images, with train and val in it, or split by name: every tenth validates",
    )

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            FileNotFoundError: if the directory does not exist.
            ValueError: if there are no images in it, or only one without a split.
        """
        directory = Path(self.path)
        if not directory.is_dir():
            raise FileNotFoundError(
                f"folder: {directory} is not a directory; needs a folder with images: "
                f"--data Folder --data.path DIR."
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
        return Source(self.name, *([NamedImage.of_file(f) for f in part] for part in (train, val)))
