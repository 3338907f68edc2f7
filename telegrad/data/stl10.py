"""STL-10, downloaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telegrad.data.base import Data, directory_of, path_option
from telegrad.data.source import Source
from telegrad.data.torchvision_files import named, torchvision_dataset, whole


@dataclass(frozen=True, kw_only=True)
class STL10(Data):
    """STL-10, 96×96: 105,000 images to train on (train and unlabeled), 8,000 (test) to validate on.

    They lie in `path/stl10_binary/`, downloaded (2.6 GB) if they are not there.
    """

    name: ClassVar[str] = "stl10"
    default_size: ClassVar[int] = 96

    path: str | None = path_option()

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            OSError: if the files are missing or damaged and can't be downloaded.
            ValueError: if torchvision is not installed.
        """
        kind, directory = torchvision_dataset("STL10"), directory_of(self.path)
        files = directory / kind.base_folder
        train, val = (
            whole(kind, directory, split=split).data.transpose(0, 2, 3, 1)
            for split in ("train+unlabeled", "test")
        )
        return Source(
            self.name, named("stl10 train", train, files), named("stl10 test", val, files)
        )
