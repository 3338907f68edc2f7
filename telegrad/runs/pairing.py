"""Whether a task and its images agree on what a pair is, before any of them is cut."""

from __future__ import annotations

from collections.abc import Sequence

from telegrad.data import BadImages, NamedImage
from telegrad.data.companions import scale_of
from telegrad.tasks import Task


def check_pairs(task: Task, images: Sequence[NamedImage], bad_images: BadImages) -> None:
    """Opens one pair, if the task has pairs and all images have companions.

    Raises:
        OSError: if it can't be read.
        ValueError: if a task that needs pairs gets none, or their scale is another; the message
            names the sizes found and the right option.
    """
    if not task.pairs or not images:
        return
    alone = [image.name for image in images if image.low is None]
    if alone and task.needs_pairs:
        raise ValueError(
            f"{task.name}: {len(alone)} of {len(images)} images have no input beside them, such as "
            f"{alone[0]}; use a dataset of pairs: --data Pairs --data.path DIR --data.input lq "
            f"--data.target gt."
        )
    if alone:
        return
    scale, pair = scale_of(images, bad_images)
    if scale == task.scale:
        return
    assert pair.low is not None
    (height, width), (h, w) = pair.open().shape[:2], pair.low().shape[:2]
    way_out = f"use --scale {scale}" if scale > 1 or task.needs_pairs else "use the task pairs"
    raise ValueError(
        f"{task.name}: {pair.name} has {height}×{width} pixels and its companion {h}×{w}, which is "
        f"a scale of {scale}, not {task.scale}; {way_out}, or other pairs."
    )
