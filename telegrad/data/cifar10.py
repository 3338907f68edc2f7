"""CIFAR-10, downloaded on first use.

Its files are pickles. They are opened only after their MD5 digests have been found to be those of
the original files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telegrad.data.base import Data, directory_of, path_option
from telegrad.data.source import Source
from telegrad.data.torchvision_files import named, torchvision_dataset, whole


@dataclass(frozen=True, kw_only=True)
class CIFAR10(Data):
    """CIFAR-10, 32×32: 50,000 images to train on and 10,000, its test set, to validate on.

    They lie in `path/cifar-10-batches-py/`, downloaded (170 MB) if they are not there.
    """

    name: ClassVar[str] = "cifar10"
    default_size: ClassVar[int] = 32

    path: str | None = path_option()

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            OSError: if the files are missing or damaged and can't be downloaded.
            ValueError: if torchvision is not installed.
        """
        kind, directory = torchvision_dataset("CIFAR10"), directory_of(self.path)
        files = directory / kind.base_folder
        train, val = (whole(kind, directory, train=train).data for train in (True, False))
        return Source(
            self.name, named("cifar10 train", train, files), named("cifar10 test", val, files)
        )
