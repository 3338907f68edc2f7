"""A dataset: images to train on and images to validate on."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from telegrad.data.source import Source
from telegrad.files import expanded
from telegrad.options import check_options, option

BadImages = Literal["refuse", "skip"]
"""What to do with an image that can't be used: an error that names it, or a warning."""


def default_data_dir() -> str:
    """Where datasets lie if nothing is said: the environment's TELEGRAD_DATA, or `data`."""
    return os.environ.get("TELEGRAD_DATA") or "data"


@dataclass(frozen=True, kw_only=True)
class Data(ABC):
    """Where images come from, and how they are cut.

    A dataset of your own is one class derived from this: a frozen dataclass with the options it
    needs and the method `source`.

    Attributes:
        name: in the names of runs.
        default_size: of crops in pixels, where nothing is said.

    Raises:
        ValueError: for an option of the wrong type or out of its range.
    """

    name: ClassVar[str]
    default_size: ClassVar[int] = 64

    size: int | None = option(
        None,
        "height and width of the crops on the finest level; else as large as suits the dataset",
        unit="pixels",
        least=1,
        most=2**16,
    )
    bad_images: BadImages = option(
        "refuse", "what to do with images that can't be read or are smaller than a crop"
    )

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def crop(self) -> int:
        """Height and width of the crops on the finest level, in pixels."""
        return self.size or self.default_size

    @abstractmethod
    def source(self) -> Source:
        """Images to train on and to validate on, not yet opened where they lie in files.

        Raises:
            OSError, ValueError: if they are not there, or not what they should be.
        """


def path_option() -> Any:
    """The directory that holds a dataset's own, as an option; see `directory_of`."""
    return option(
        None,
        "directory that holds the dataset's own; else the environment's TELEGRAD_DATA, or data",
        path=True,
    )


def directory_of(path: str | None) -> Path:
    """The directory that `path_option` stands for."""
    return Path(path or expanded(default_data_dir()))
