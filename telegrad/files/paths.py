"""Paths as people write them: with ~ and variables of the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path


def expanded(path: str) -> str:
    """The path with `~` and `$VARIABLES` in their places.

    >>> os.environ["DEMO"] = "photos"
    >>> expanded("$DEMO/a.png")
    'photos/a.png'

    Raises:
        ValueError: for a variable that the environment has not, or a user that the system has not,
            unless there is a file of that very name.
    """
    whole = str(Path(path).expanduser()) if _has_home(path) else path
    whole = os.path.expandvars(whole)
    unknown = re.search(r"\$(\w+|\{[^}]*\})", whole)
    if unknown and not Path(whole).exists():
        raise ValueError(
            f"path {path}: the environment has no {unknown[1].strip('{}')}; set it, or write the "
            f"path out."
        )
    return whole


def _has_home(path: str) -> bool:
    if not path.startswith("~"):
        return False
    try:
        Path(path).expanduser()
    except RuntimeError:
        return False  # no such user: a file may be called so
    return True
