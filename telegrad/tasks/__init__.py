"""Restoration tasks, by name."""

from __future__ import annotations

from telegrad.tasks.base import Draw, LevelRule, Network, Task
from telegrad.tasks.deblurring import Deblurring
from telegrad.tasks.denoising import Denoising
from telegrad.tasks.inpainting import Inpainting
from telegrad.tasks.superresolution import SuperResolution, similarity

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Denoising, Deblurring, Inpainting, SuperResolution)
}

__all__ = [
    "TASKS",
    "Deblurring",
    "Denoising",
    "Draw",
    "Inpainting",
    "LevelRule",
    "Network",
    "SuperResolution",
    "Task",
    "similarity",
]
