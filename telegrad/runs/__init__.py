"""Runs: described, composed, prepared, made, resumed."""

from telegrad.runs.component import Component
from telegrad.runs.config import Config
from telegrad.runs.plan import Plan, plan
from telegrad.runs.run import Report, run
from telegrad.runs.settings import Output, Runtime, ValidationSettings

__all__ = [
    "Component",
    "Config",
    "Output",
    "Plan",
    "Report",
    "Runtime",
    "ValidationSettings",
    "plan",
    "run",
]
