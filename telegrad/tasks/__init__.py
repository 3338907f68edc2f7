"""Restoration tasks, one file each."""

from telegrad.tasks.base import Draw, LevelRule, Network, Task
from telegrad.tasks.deblurring import Deblurring
from telegrad.tasks.denoising import Denoising
from telegrad.tasks.inpainting import Inpainting
from telegrad.tasks.objective import Objective
from telegrad.tasks.superresolution import SuperResolution

__all__ = [
    "Deblurring",
    "Denoising",
    "Draw",
    "Inpainting",
    "LevelRule",
    "Network",
    "Objective",
    "SuperResolution",
    "Task",
]
