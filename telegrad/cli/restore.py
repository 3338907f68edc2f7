"""`telegrad restore`: images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.cli.arguments import Command, scan
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.inference.restore import restore_files
from telegrad.options import NEEDED, option
from telegrad.pretrained import cards as pretrained


@dataclass(frozen=True, kw_only=True)
class Restore(Command):
    positional: ClassVar[tuple[str, ...]] = ("model", "source")
    usage: ClassVar[str] = "telegrad restore [MODEL] IMAGE_OR_FOLDER [options]"
    description: ClassVar[str] = (
        "Restore images of any size, one or a folder of them, into PNG files; pages of a TIFF into "
        "a TIFF, animations into animated PNG. Grey, alpha, 16 bits, color profile, resolution and "
        "EXIF are kept; super-resolution doubles the size. By a network that comes along (telegrad "
        "models), or one that you trained."
    )
    example: ClassVar[str] = (
        "telegrad restore photo.jpg --model jpeg, or telegrad restore "
        "results/models/NAME_best.pt PHOTOS --out restored"
    )

    model: str = option(
        pretrained.ORDER[0],
        "one that comes along (telegrad models), denoise by default; or a run's models/…_best.pt, "
        "which may also stand before the images",
        path=True,
    )
    source: str = option(NEEDED, "an image, or a folder of images", path=True)
    out: str = option("restored", "folder to write into", path=True)
    noise: float | None = option(
        None,
        "standard deviation of the images' noise, on 0 … 255, for a network that is told of "
        "it; else estimated",
        least=0,
        most=255,
    )
    tile: int | None = option(
        None,
        "side of what the network sees at once; else 512, or as in training for a network with "
        "global statistics",
        unit="pixels",
        least=16,
        most=2**20,
    )
    max_pixels: int | None = option(
        None,
        "refuse images whose header announces more, all frames together; else twice Pillow's limit",
        unit="pixels",
        least=1,
    )
    overwrite: bool = option(
        False, "replace files in --out; the images that are restored are never replaced"
    )
    device: str = option("cpu", "cpu, cuda, cuda:1, mps, …")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad restore", lambda: restore(words))


def restore(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Restore.help())
        return 0
    own, rest = Restore.parse(with_model(words), others=("network",))
    model = model_of(own.model, own.device, rest)
    low, high = model.task.value_range
    noise = None if own.noise is None else own.noise / 255 * (high - low)
    model.check_noise("restore", noise)
    notes: list[str] = []
    written, failed = restore_files(
        model,
        own.source,
        own.out,
        noise,
        own.tile,
        overwrite=own.overwrite,
        max_pixels=own.max_pixels,
        note=notes.append,
    )
    print(f"Restored {len(written)} image{'s' * (len(written) != 1)} into {own.out}.")
    for what in notes:
        print(what)
    for what in failed:
        print(f"Left out {what}")
    return 1 if failed else 0


def with_model(words: Sequence[str]) -> list[str]:
    """The words with one for the model: one positional word alone is the images.

    >>> with_model(["photo.jpg", "--model", "jpeg"])
    ['--model=jpeg', '--source=photo.jpg']
    >>> with_model(["run_best.pt", "photos", "--overwrite"])
    ['run_best.pt', 'photos', '--overwrite=true']
    """
    positional, options = scan(words)
    if len(positional) == 1 and "source" not in options:
        options["source"] = positional.pop()
    if len(positional) == 2 and "model" in options:
        raise ValueError(f"{positional[0]} and --model {options['model']}: give one of them.")
    return [*positional, *(f"--{name}={value}" for name, value in options.items())]
