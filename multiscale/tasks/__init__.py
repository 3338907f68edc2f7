"""Restoration tasks, by name."""

from __future__ import annotations

from multiscale.tasks.base import Draw, Network, Task
from multiscale.tasks.denoising import Denoising

TASKS: dict[str, type[Task]] = {Denoising.name: Denoising}

__all__ = ["TASKS", "Denoising", "Draw", "Network", "Task"]
