"""Restoration tasks, by name."""

from __future__ import annotations

from multiscale.tasks.base import Draw, LevelRule, Network, Task
from multiscale.tasks.deblurring import Deblurring
from multiscale.tasks.denoising import Denoising
from multiscale.tasks.inpainting import Inpainting
from multiscale.tasks.superresolution import SuperResolution, similarity

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
