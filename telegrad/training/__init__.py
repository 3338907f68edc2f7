"""Training: the loop, validation, checkpoints, and how long it all takes."""

from telegrad.training.checkpoint import read_checkpoint, read_state, write_checkpoint
from telegrad.training.costs import peak_memory
from telegrad.training.forecast import Forecast, ProgressBar, progress_bar
from telegrad.training.interruptions import Interrupted, Interruptions
from telegrad.training.loop import train
from telegrad.training.moving_average import MovingAverage
from telegrad.training.state import Progress, TrainingState
from telegrad.training.timing import seconds_per_step, seconds_per_validation
from telegrad.training.validation import Quality, Validation

__all__ = [
    "Forecast",
    "Interrupted",
    "Interruptions",
    "MovingAverage",
    "Progress",
    "ProgressBar",
    "Quality",
    "TrainingState",
    "Validation",
    "peak_memory",
    "progress_bar",
    "read_checkpoint",
    "read_state",
    "seconds_per_step",
    "seconds_per_validation",
    "train",
    "write_checkpoint",
]
