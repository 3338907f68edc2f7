"""Which level, how many samples, for how long."""

from telegrad.schedules.schedule import Schedule, Stage

__all__ = ["Schedule", "Stage"]
