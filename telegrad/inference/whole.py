"""The draw of a whole image: the one place where an image, and its companion, becomes a draw."""

from __future__ import annotations

import torch

from telegrad.data import NamedImage
from telegrad.tasks import Draw, Task


def whole_draw(task: Task, image: NamedImage, generator: torch.Generator) -> tuple[Task, Draw]:
    """The draw of an image, trimmed to multiples of the task's divisor, and the task at its size.

    A task that has pairs is given the image's companion, if there is one, instead of making one.

    Args:
        task: on a finest level of any size.
        image: of any size.
        generator: of all that is random; the draw lies on its device.

    Raises:
        OSError: if the image or its companion can't be read.
        ValueError: for an image that is too small, or a companion of another scale.
    """
    pixels, divisor = {"clean": image.open()}, task.divisor
    (full_height, full_width), least = pixels["clean"].shape[:2], max(task.smallest, 1)
    height, width = (n // divisor * divisor for n in (full_height, full_width))
    if min(height, width) < least:
        raise ValueError(
            f"{image.name}: {full_height}×{full_width} pixels; {task.name} needs {least}×{least} "
            f"or more"
        )
    sizes = {"clean": (height, width)}
    if task.pairs and image.low is not None:
        pixels["low"] = image.low()
        h, w = pixels["low"].shape[:2]
        if (full_height, full_width) != (task.scale * h, task.scale * w):
            raise ValueError(
                f"{image.name}: {full_height}×{full_width} pixels, and its companion {h}×{w}; "
                f"{task.name} needs a scale of {task.scale}"
            )
        sizes["low"] = height // task.scale, width // task.scale
    elif task.needs_pairs:
        raise ValueError(
            f"{image.name}: has no input beside it; {task.name} needs pairs: --data Pairs "
            f"--data.path DIR --data.input lq --data.target gt"
        )
    trimmed = {name: pixels[name][:h, :w].copy() for name, (h, w) in sizes.items()}
    tensors = {name: torch.from_numpy(field) for name, field in trimmed.items()}
    images = task.images(
        {name: t.to(generator.device).permute(2, 0, 1)[None] for name, t in tensors.items()}
    )
    task = task.at_size((height, width))
    return task, task.draw(**images, generator=generator)
