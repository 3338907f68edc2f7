"""Restoration tasks, one file each."""

from telegrad.tasks.base import Draw, LevelRule, Network, Task
from telegrad.tasks.deblurring import Deblurring
from telegrad.tasks.denoising import Denoising
from telegrad.tasks.inpainting import Inpainting
from telegrad.tasks.jpeg import JPEG
from telegrad.tasks.objective import Objective
from telegrad.tasks.pairs import Pairs
from telegrad.tasks.paper_deblurring import PaperDeblurring
from telegrad.tasks.paper_denoising import PaperDenoising
from telegrad.tasks.paper_inpainting import PaperInpainting
from telegrad.tasks.paper_superresolution import PaperSuperResolution
from telegrad.tasks.physics import Physics
from telegrad.tasks.superresolution import SuperResolution

__all__ = [
    "JPEG",
    "Deblurring",
    "Denoising",
    "Draw",
    "Inpainting",
    "LevelRule",
    "Network",
    "Objective",
    "Pairs",
    "PaperDeblurring",
    "PaperDenoising",
    "PaperInpainting",
    "PaperSuperResolution",
    "Physics",
    "SuperResolution",
    "Task",
]
