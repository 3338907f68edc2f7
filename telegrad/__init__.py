"""Telescoping-gradient training of image-restoration networks: the same quality from less work.

The names below load what they need when they are first used, so that `import telegrad` costs
nothing beyond torch, and `telegrad --help` not even that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telegrad.diagnostics import (
        LevelStatistics,
        level_statistics,
        optimal_batch_sizes,
        optimal_nested_batch_sizes,
    )
    from telegrad.loading import ScheduledLoader, Step, WorkLR
    from telegrad.mge import (
        CoupledDropout,
        Estimate,
        GridHierarchy,
        Shells,
        freeze_batch_norm,
        geometric_batch_sizes,
        multiscale_backward,
        restrict,
        work_units,
    )
    from telegrad.schedules import Schedule, Stage

__version__ = "0.2.0"

_ROOMS = {
    "mge": (
        *("CoupledDropout", "Estimate", "GridHierarchy", "Shells", "freeze_batch_norm"),
        *("geometric_batch_sizes", "multiscale_backward", "restrict", "work_units"),
    ),
    "diagnostics": (
        *("LevelStatistics", "level_statistics", "optimal_batch_sizes"),
        "optimal_nested_batch_sizes",
    ),
    "schedules": ("Schedule", "Stage"),
    "loading": ("ScheduledLoader", "Step", "WorkLR"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "CoupledDropout",
    "Estimate",
    "GridHierarchy",
    "LevelStatistics",
    "Schedule",
    "ScheduledLoader",
    "Shells",
    "Stage",
    "Step",
    "WorkLR",
    "freeze_batch_norm",
    "geometric_batch_sizes",
    "level_statistics",
    "multiscale_backward",
    "optimal_batch_sizes",
    "optimal_nested_batch_sizes",
    "restrict",
    "work_units",
]


def __getattr__(name: str) -> object:
    if name == "pretrained":
        return import_module("telegrad.pretrained")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'telegrad' has no attribute {name!r}")
    return getattr(import_module(f"telegrad.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
