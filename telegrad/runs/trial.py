"""A task tried on black images of every level's size, before others are read."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from telegrad.errors import reason
from telegrad.tasks import Draw, Task


def black_draw(task: Task, shape: Sequence[int], number: int = 2) -> Draw:
    """Draws of black images of (height, width) pixels; of pairs, if the task has them."""
    height, width = shape
    images = {"clean": torch.zeros(number, task.channels, height, width)}
    if task.pairs:
        low = height // task.scale, width // task.scale
        images["low"] = torch.zeros(number, task.channels, *low)
    return task.draw(**images, generator=torch.Generator().manual_seed(0))


def check_draws(task: Task, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """One draw at every size, observed.

    Args:
        task: as it is posed on the run's levels.
        shapes: what lies there, for messages, and (height, width) in pixels.

    Raises:
        ValueError: for a size at which the task can't be posed.
    """
    for where, shape in shapes:
        try:
            task.observe(black_draw(task, shape, number=1))
        except Exception as error:  # a task of the user's own can fail in any way
            said = str(error) if isinstance(error, ValueError) else reason(error)
            height, width = shape
            raise ValueError(
                f"{task.name}: can't be posed on {where}, images of {height}×{width}: {said}"
            ) from error
