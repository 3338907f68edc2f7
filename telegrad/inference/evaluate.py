"""A trained model, measured on whole images of test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telegrad.atomic import check_room, write_whole
from telegrad.data import Pairs
from telegrad.evaluation import Protocol, Row, image_sets, means, means_table, measured, write_rows
from telegrad.evaluation.metrics import check_metrics
from telegrad.inference.model import Model
from telegrad.runs.build import pairs_of


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What was measured, and how.

    Attributes:
        head: exactly how, in lines.
        rows: one for each image of each set, at each strength of the corruption.
    """

    head: tuple[str, ...]
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        return "\n".join([*(f"- {line}" for line in self.head), "", means_table(means(self.rows))])


def evaluate_folders(
    model: Model,
    folders: Sequence[str],
    protocol: Protocol | None = None,
    *,
    pairs: Pairs | None = None,
    bad_images: str = "refuse",
    max_pixels: int | None = None,
    shown: bool = False,
) -> Evaluation:
    """Every image of some folders, whole: corrupted, restored and measured.

    Args:
        model: trained.
        folders: each a set of clean images, with its subfolders.
        protocol: how they are measured; the field's way if not given.
        pairs: how files make pairs, for a model that needs them; as in its training if not given.
        bad_images: what to do with images that can't be used: `refuse` or `skip`.
        max_pixels: that an image's header may announce; twice Pillow's limit if not given.
        shown: whether there is a bar of progress.

    Raises:
        ValueError, OSError: for a protocol that doesn't suit the task, a metric that can't be
            computed, folders or images that can't be used; before the first image is restored.
    """
    task = model.task
    protocol = (protocol or Protocol()).of_task(task)
    protocol.variants(task)
    check_metrics(protocol.chosen)
    names = pairs or pairs_of(model.config, task)
    sets = image_sets(folders, task, names, bad_images=bad_images, max_pixels=max_pixels)
    rows = measured(model.tiled, task, sets, protocol, shown)
    network = model.config.network.short_name
    head = (
        f"model: {model.config.name}, task {task.name}, network {network}",
        *protocol.said(task),
    )
    return Evaluation(head, tuple(rows))


def check_output(path: Path, overwrite: bool) -> None:
    """Raises unless a table can be written there, and the text beside it.

    Raises:
        ValueError: for another suffix than .csv.
        FileExistsError: if there is one already and `overwrite` is false.
        OSError: if its folder is not there, or can't be written.
    """
    if path.suffix != ".csv":
        raise ValueError(f"evaluate: --out {path}; needs a name that ends in .csv.")
    for file in (path, path.with_suffix(".md")):
        if file.is_dir() or (file.exists() and not overwrite):
            raise FileExistsError(
                f"evaluate: {file} is there already; choose another --out, or --overwrite."
            )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"evaluate: no folder {path.parent}; make it, or choose another.")
    check_room(path.parent, "out")


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Writes the rows, and beside them, in a file ending in .md, head and means.

    Raises:
        OSError: if one can't be written; what was there before is unchanged.
    """
    write_rows(path, evaluation.rows)
    write_whole(path.with_suffix(".md"), f"{evaluation}\n")
