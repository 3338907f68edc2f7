"""A schedule in one's own training loop: its batches, from any map-style dataset."""

from telegrad.loading.learning_rate import WorkLR, constant_then_linear, cosine
from telegrad.loading.loader import ScheduledLoader
from telegrad.loading.step import Step

__all__ = ["ScheduledLoader", "Step", "WorkLR", "constant_then_linear", "cosine"]
