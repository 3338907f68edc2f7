"""Runs of which only the result is wanted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def thrown_away() -> Iterator[str]:
    """A directory for what a run writes, gone afterwards; nothing is printed."""
    with tempfile.TemporaryDirectory() as results, quiet():
        yield results
