"""A budget in words: work units, or time."""

from __future__ import annotations

import re
from typing import Literal

MOST = 1e12
"""Work units or seconds: more than any run takes."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def in_units(budget: str) -> tuple[float, Literal["wu", "s"]]:
    """A budget as a number of work units ("wu") or of seconds ("s").

    >>> in_units("5000wu"), in_units("1.5 min")
    ((5000.0, 'wu'), (90.0, 's'))

    Raises:
        ValueError: for another unit, or a number that is not positive and finite.
    """
    matched = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e\d+)?)\s*(wu|s|min|h)\s*", budget, re.ASCII)
    number = float(matched[1]) * _SECONDS.get(matched[2], 1.0) if matched else 0.0
    if not matched or not 0 < number <= MOST:
        raise ValueError(
            f"budget={budget!r}: needs a number above 0 (at most {MOST:g}) and a unit, wu, s, min "
            f"or h, such as 5000wu or 10min."
        )
    return number, "wu" if matched[2] == "wu" else "s"
