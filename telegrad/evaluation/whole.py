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
        task: of images in color or grey.
        image: the clean one.
        seed: of all images.

    Raises:
        OSError, ValueError: for an image that can't be read, or is too small.
    """
    pixels = image.open()
    height, width = trimmed(task, image.name, pixels)
    rgb = torch.from_numpy(pixels[:height, :width].copy()).permute(2, 0, 1)[None]
    fields = {name: task.rounded(field) for name, field in task.images({"clean": rgb}).items()}
    posed = task.at_size((height, width))
    generator = torch.Generator().manual_seed(seed_of_image(seed, image))
    draw = posed.draw(**fields, generator=generator)
    return Whole(posed, posed.store(draw) if posed.stored else draw, is_grey(image))


def trimmed(task: Task, name: str, pixels: np.ndarray) -> tuple[int, int]:
    """The height and width that a task takes of an image.

    Raises:
        ValueError: if it is too small.
    """
    height, width = (n // task.divisor * task.divisor for n in pixels.shape[:2])
    least = max(task.smallest, 1)
    if min(height, width) < least:
        raise ValueError(
            f"{name}: {pixels.shape[0]}×{pixels.shape[1]} pixels; {task.name} needs "
            f"{least}×{least} or more"
        )
    return height, width


def seed_of_image(seed: int, image: NamedImage) -> int:
    """An independent seed for each name of an image within its set."""
    digest = hashlib.sha256(f"{seed} {image.key or image.name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def is_grey(image: NamedImage) -> bool:
    """Whether the image's file has one channel; one whose three are equal is in color."""
    if len(image.files) != 1:
        return False
    try:
        with Image.open(image.files[0]) as file:
            return file.mode in GREY_MODES
    except Exception:  # not one of Pillow's
        return False
