"""Bars of progress on a terminal; where output is none, a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

SECONDS = 30.0
"""From one line to the next."""


class Bar(tqdm):
    """As `tqdm`; where standard error is no terminal, a line each half minute in place of a bar.

    Work that takes less has no line there.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        file = options.get("file") or sys.stderr
        self.lines = not getattr(file, "isatty", bool)()
        if self.lines:
            options |= {"mininterval": SECONDS, "maxinterval": SECONDS, "delay": SECONDS}
            options |= {"leave": False, "dynamic_ncols": False}
        super().__init__(*arguments, **options)

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        if getattr(file, "isatty", bool)():
            return tqdm.status_printer(file)

        def say(line: str) -> None:
            if line.strip():
                file.write(f"{line.strip()}\n")
                file.flush()

        return say

    def close(self) -> None:
        """Ends it; lines stay."""
        if self.lines and not self.disable:
            self.delay = float("inf")  # as if nothing had been shown that is to be cleared
        super().close()
