"""`telegrad evaluate`: the quality of a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.cli.summary import quality_table
from telegrad.data import Folder, Pairs
from telegrad.inference.evaluate import evaluate_model
from telegrad.options import NEEDED, option
from telegrad.runs.compose import compose_part


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    positional: ClassVar[tuple[str, ...]] = ("model", "data")
    usage: ClassVar[str] = "telegrad evaluate MODEL [FOLDER] [options]"
    description: ClassVar[str] = (
        "Measure a trained network beside the corrupted images: MSE on [-1, 1], PSNR and SSIM of "
        "the clipped images, mean and standard deviation over images. Of a folder all images are "
        "taken, whole; of a dataset, crops of its validation images."
    )
    example: ClassVar[str] = "telegrad evaluate results/models/NAME_best.pt PHOTOS"

    model: str = option(NEEDED, "a run's models/…_best.pt", path=True)
    data: str = option(
        "Photographs", "folder of images, or a dataset with its options: --data CIFAR10 --data.path"
    )
    size: int | None = option(
        None,
        "height and width of crops, in place of whole images; else as in training",
        unit="pixels",
        least=1,
        most=2**16,
    )
    images: int | None = option(
        None, "crops to evaluate on; else 64, or all images of a folder", least=1, most=10**5
    )
    bad_images: str | None = option(None, "refuse or skip unusable images")
    max_pixels: int | None = option(
        None, "that an image's header may announce; else twice Pillow's limit", least=1
    )
    device: str = option("cpu", "cpu, cuda, cuda:1, mps, …")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad evaluate", lambda: evaluate(words))


def evaluate(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Evaluate.help())
        return 0
    own, rest = Evaluate.parse(words, others=("network", "data"))
    of_data = {name: value for name, value in rest.items() if name.startswith("data.")}
    for name in ("size", "bad_images", "max_pixels"):
        if getattr(own, name) is not None:
            of_data[f"data.{name}"] = getattr(own, name)
    data = compose_part("data", {"data": own.data, **of_data}).build()
    model = model_of(
        own.model, own.device, {n: v for n, v in rest.items() if n.startswith("network")}
    )
    corrupted, restored = evaluate_model(model, data, own.images)
    network = model.config.network.short_name
    whole = isinstance(data, Folder | Pairs) and own.size is None and own.images is None
    what = f"{len(restored.mse)} {'whole images' if whole else 'crops'}"
    where = data.path if isinstance(data, Folder | Pairs) else data.name
    print(f"{model.task.name}, {network}, {what} of {where}:")
    print(quality_table({"corrupted": corrupted, "restored": restored}))
    return 0
