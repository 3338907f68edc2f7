"""`telegrad evaluate`: the quality of a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.cli.summary import quality_table
from telegrad.data import Data, Folder, Pairs
from telegrad.evaluation import Protocol
from telegrad.inference.crops import evaluate_model
from telegrad.inference.evaluate import check_output, evaluate_folders, write_evaluation
from telegrad.options import NEEDED, option
from telegrad.runs.compose import compose_part


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    positional: ClassVar[tuple[str, ...]] = ("model",)
    more: ClassVar[str] = "folders"
    several: ClassVar[frozenset[str]] = frozenset({"metrics", "sigma", "quality"})
    parts: ClassVar[tuple[type, ...]] = (Protocol,)
    usage: ClassVar[str] = "telegrad evaluate MODEL [FOLDER…] [options]"
    description: ClassVar[str] = (
        "Measure a trained network beside the corrupted images: all images of folders, whole, as "
        "the field measures them. Of a dataset, or with --size or --images, crops as training "
        "validates on them: MSE on the task's range, PSNR and SSIM, mean and standard deviation."
    )
    example: ClassVar[str] = "telegrad evaluate results/models/NAME_best.pt CBSD68 Kodak24"

    model: str = option(
        NEEDED, "a run's models/…_best.pt; or one that comes along: telegrad models", path=True
    )
    folders: list[str] | None = option(None, "of images, each a set", path=True)
    data: str | None = option(
        None,
        "in place of folders, a dataset with its options: --data CIFAR10 --data.path; Photographs "
        "if there is neither",
    )
    size: int | None = option(
        None,
        "height and width of crops, in place of whole images; else as in training",
        unit="pixels",
        least=1,
        most=2**16,
    )
    images: int | None = option(
        None, "crops to evaluate on, in place of whole images; else 64", least=1, most=10**5
    )
    out: str | None = option(
        None, "a .csv file for a row an image; head and means go beside it, into .md", path=True
    )
    overwrite: bool = option(False, "replace these files")
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
    protocol = Evaluate.part(Protocol, rest)
    data = data_of(own, rest)
    folders, whole = own.folders, {"bad_images": own.bad_images, "max_pixels": own.max_pixels}
    if data is not None:
        folders = None
        if isinstance(data, Folder | Pairs) and own.images is data.size is None:
            folders = [data.path]
            whole = {"bad_images": data.bad_images, "max_pixels": data.max_pixels}
    if folders is None:
        _refuse_of_whole_images(own, rest)
    elif own.out is not None:
        check_output(Path(own.out), own.overwrite)
    of_network = {n: v for n, v in rest.items() if n.partition(".")[0] == "network"}
    model = model_of(own.model, own.device, of_network)
    if folders is None:
        assert data is not None
        corrupted, restored = evaluate_model(model, data, own.images)
        where = data.path if isinstance(data, Folder | Pairs) else data.name
        network = model.config.network.short_name
        print(f"{model.task.name}, {network}, {len(restored.mse)} crops of {where}:")
        print(quality_table({"corrupted": corrupted, "restored": restored}))
        return 0
    evaluation = evaluate_folders(
        model,
        folders,
        protocol,
        pairs=data if isinstance(data, Pairs) else None,
        bad_images=whole["bad_images"] or "refuse",
        max_pixels=whole["max_pixels"],
        shown=True,
    )
    print(evaluation)
    if own.out is not None:
        write_evaluation(Path(own.out), evaluation)
    return 0


def data_of(own: Evaluate, rest: Mapping[str, str]) -> Data | None:
    """The dataset, or the one folder as such; None for several folders.

    Raises:
        ValueError: for both a dataset and folders, several folders with options that are for one,
            or something that is neither.
    """
    folders = own.folders or []
    options: dict[str, object] = {n: v for n, v in rest.items() if n.startswith("data.")}
    if folders and own.data is not None:
        raise ValueError(f"{folders[0]} and --data {own.data}: give folders or a dataset.")
    if len(folders) > 1:
        if own.size or own.images or options:
            raise ValueError(f"{folders[1]}: crops, and options of data, are of one folder.")
        return None
    for name in ("size", "bad_images", "max_pixels"):
        if getattr(own, name) is not None:
            options[f"data.{name}"] = getattr(own, name)
    what = folders[0] if folders else own.data or "Photographs"
    data: Data = compose_part("data", {"data": what, **options}).build()
    return data


def _refuse_of_whole_images(own: Evaluate, rest: Mapping[str, str]) -> None:
    given = [field.name for field in fields(Protocol) if field.name in rest]
    given += ["out"] if own.out is not None else []
    if given:
        raise ValueError(
            f"--{given[0]} is of whole images; name folders of them, without --size and --images."
        )
