"""The draw of a whole image: what a network is given of it, the same for every network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from telegrad.data import NamedImage
from telegrad.tasks import Draw, Task

GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "F"})
"""Pillow's, of files with one channel."""


@dataclass(frozen=True)
class Whole:
    """A whole image, corrupted.

    Attributes:
        task: as it is posed on an image of this size.
        draw: of one sample, on the CPU.
        of_grey_file: whether the file has one channel.
    """

    task: Task
    draw: Draw
    of_grey_file: bool


def whole_draw(task: Task, image: NamedImage, seed: int) -> Whole:
    """The draw of an image, trimmed at the bottom and the right to multiples of `task.divisor`.

    Its randomness depends on the seed and the image's name within its set, and on nothing else: it
    is the same on every device, for every network and, but for its strength, at every noise level.
    The clean image has 8 bits, after its conversion to grey too; corrupted ones have them where
    the task's are `stored`. Lengths of a task, such as that of a blur, are in pixels of the image.

    Args:
        task: of images in color or grey; one that has pairs is given the image's companion, if
            there is one, instead of making one.
        image: the clean one.
        seed: of all images.

    Raises:
        OSError: if the image or its companion can't be read.
        ValueError: for an image that is too small, or a companion that is missing or of another
            scale.
    """
    pixels = trimmed_pixels(task, image)
    height, width = pixels["clean"].shape[:2]
    tensors = {
        name: torch.from_numpy(field.copy()).permute(2, 0, 1)[None]
        for name, field in pixels.items()
    }
    fields = {name: task.rounded(field) for name, field in task.images(tensors).items()}
    posed = task.at_size((height, width))
    generator = torch.Generator().manual_seed(seed_of_image(seed, image))
    draw = posed.draw(**fields, generator=generator)
    return Whole(posed, posed.store(draw) if posed.stored else draw, is_grey(image))


def trimmed_pixels(task: Task, image: NamedImage) -> dict[str, np.ndarray]:
    """The pixels (h, w, 3) that a task takes of an image, and of its companion, by field.

    Raises:
        OSError, ValueError: as `whole_draw`.
    """
    clean = image.open()
    full_height, full_width = clean.shape[:2]
    height, width = (n // task.divisor * task.divisor for n in (full_height, full_width))
    least = max(task.smallest, 1)
    if min(height, width) < least:
        raise ValueError(
            f"{image.name}: {full_height}×{full_width} pixels; {task.name} needs {least}×{least} "
            f"or more"
        )
    pixels = {"clean": clean[:height, :width]}
    if task.pairs and image.low is not None:
        low = image.low()
        h, w = low.shape[:2]
        if (full_height, full_width) != (task.scale * h, task.scale * w):
            raise ValueError(
                f"{image.name}: {full_height}×{full_width} pixels, and its companion {h}×{w}; "
                f"{task.name} needs a scale of {task.scale}"
            )
        pixels["low"] = low[: height // task.scale, : width // task.scale]
    elif task.needs_pairs:
        raise ValueError(
            f"{image.name}: has no input beside it; {task.name} needs pairs: --data Pairs "
            f"--data.path DIR --data.input lq --data.target gt"
        )
    return pixels


def seed_of_image(seed: int, image: NamedImage) -> int:
    """An independent seed for each name of an image within its set."""
    digest = hashlib.sha256(f"{seed} {image.key or image.name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def is_grey(image: NamedImage) -> bool:
    """Whether the image's file has one channel; one whose three are equal is in color."""
    if not image.files:
        return False
    try:
        with Image.open(image.files[0]) as file:
            return file.mode in GREY_MODES
    except Exception:  # not one of Pillow's
        return False
