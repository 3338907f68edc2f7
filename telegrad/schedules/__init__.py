"""Which level, how many samples, for how long: schedules, and the strategies that make them.

A strategy is one file: a function that returns its `Schedule` on any grids, and a class that
answers all that a run asks of it.
"""

from telegrad.schedules.adaptation import Adaptation
from telegrad.schedules.auto import Auto, auto
from telegrad.schedules.cascadic import Cascadic, cascadic
from telegrad.schedules.crops import crop_side
from telegrad.schedules.early_stop import EarlyStop
from telegrad.schedules.fullmultiscale import FullMultiscale, fullmultiscale
from telegrad.schedules.growing_patches import GrowingPatches, growing_patches
from telegrad.schedules.heats import Heats
from telegrad.schedules.learning_rate import LearningRate
from telegrad.schedules.multiscale import Multiscale, multiscale
from telegrad.schedules.progressive_patches import ProgressivePatches, progressive_patches
from telegrad.schedules.progressive_resizing import ProgressiveResizing, progressive_resizing
from telegrad.schedules.race import Race, race
from telegrad.schedules.random_patches import RandomPatches, random_patches
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.schedule_free import is_schedule_free
from telegrad.schedules.single import Single, single
from telegrad.schedules.stage import Stage
from telegrad.schedules.strategy import Problem, Strategy
from telegrad.schedules.update import Update

__all__ = [
    "Adaptation",
    "Auto",
    "Cascadic",
    "EarlyStop",
    "FullMultiscale",
    "GrowingPatches",
    "Heats",
    "LearningRate",
    "Multiscale",
    "Problem",
    "ProgressivePatches",
    "ProgressiveResizing",
    "Race",
    "RandomPatches",
    "Schedule",
    "Single",
    "Stage",
    "Strategy",
    "Update",
    "auto",
    "cascadic",
    "crop_side",
    "fullmultiscale",
    "growing_patches",
    "is_schedule_free",
    "multiscale",
    "progressive_patches",
    "progressive_resizing",
    "race",
    "random_patches",
    "single",
]
