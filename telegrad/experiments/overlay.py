"""Options laid over each other: those of all runs, of a task, of a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegrad.runs.compose import DIRECT, EVERYDAY, LENGTHS


def overlaid(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Options in which a later one goes before an earlier one of the same meaning.

    >>> overlaid({"budget": "90s", "decay": 0.3}, {"strategy.decay": 0.5}, {"steps": 40})
    {'strategy.decay': 0.5, 'steps': 40}
    """
    options: dict[str, Any] = {}
    for layer in layers:
        kept = {n: v for n, v in options.items() if not any(_replaces(name, n) for name in layer)}
        options = kept | dict(layer)
    return options


def _replaces(one: str, other: str) -> bool:
    """Whether two names are of one option, or of two that a run has one of."""
    whole = [EVERYDAY.get(name, name) for name in (one, other)]
    if all(name in LENGTHS for name in whole) or whole[0] == whole[1]:
        return True
    short, long = sorted(whole, key=lambda name: "." in name)
    direct = (part for part in DIRECT if part != "data")
    return "." not in short and any(long == f"{part}.{short}" for part in direct)
