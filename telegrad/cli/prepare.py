"""`telegrad prepare`: the files of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.data import default_data_dir
from telegrad.data.prepare_urban100 import prepare_urban100
from telegrad.options import NEEDED, option


@dataclass(frozen=True, kw_only=True)
class Prepare(Command):
    positional: ClassVar[tuple[str, ...]] = ("dataset", "folder")
    usage: ClassVar[str] = "telegrad prepare urban100 FOLDER [options]"
    description: ClassVar[str] = (
        "Make Urban100/{low,high}_res_{train,test}.pt, pairs for super-resolution, of a folder of "
        "high-resolution images: Urban100's, or any others."
    )
    example: ClassVar[str] = "telegrad prepare urban100 PHOTOS --path data"

    dataset: Literal["urban100"] = option(NEEDED, "whose files to make")
    folder: str = option(NEEDED, "folder of high-resolution images", path=True)
    path: str | None = option(
        None, "where Urban100/ is made; else the environment's TELEGRAD_DATA, or data", path=True
    )
    test_every: int = option(5, "the first of so many images is for testing", least=2)
    overwrite: bool = option(False, "files that are there already")
    max_pixels: int | None = option(
        None, "that an image's header may announce; else twice Pillow's limit", least=1
    )


def main(words: Sequence[str]) -> int:
    return guarded("telegrad prepare", lambda: prepare(words))


def prepare(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Prepare.help())
        return 0
    own, _ = Prepare.parse(words)
    path = own.path or default_data_dir()
    for file in prepare_urban100(own.folder, path, own.test_every, own.overwrite, own.max_pixels):
        print(f"Wrote {file}")
    return 0
