"""Runs: described, composed, prepared, made, resumed.

What makes a run is loaded when it is first used, so that describing one costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from telegrad.runs.component import Component
from telegrad.runs.config import Config
from telegrad.runs.settings import Init, Output, Runtime, ValidationSettings

if TYPE_CHECKING:
    from telegrad.runs.planning import Plan, plan
    from telegrad.runs.running import Report, run

__all__ = [
    "Component",
    "Config",
    "Init",
    "Output",
    "Plan",
    "Report",
    "Runtime",
    "ValidationSettings",
    "plan",
    "run",
]

_FILE_OF = {"Plan": "planning", "plan": "planning", "Report": "running", "run": "running"}


def __getattr__(name: str) -> object:
    if name not in _FILE_OF:
        raise AttributeError(f"module 'telegrad.runs' has no attribute {name!r}")
    return getattr(import_module(f"telegrad.runs.{_FILE_OF[name]}"), name)
