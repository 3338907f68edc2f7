"""Words for errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def reason(error: BaseException) -> str:
    """An error in one line."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question that names the nearest of these names, or nothing if none is near.

    >>> did_you_mean("widht", ["width", "depth"])
    '; did you mean width?'
    """
    near = difflib.get_close_matches(name, list(names), 1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
