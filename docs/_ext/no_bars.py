"""No progress bars in the gallery: they are for terminals, and all their states would be shown."""

from __future__ import annotations

from typing import Any

from tqdm import std


def setup(app: Any) -> dict[str, bool]:
    begin = std.tqdm.__init__

    def disabled(bar: Any, *arguments: Any, **options: Any) -> None:
        begin(bar, *arguments, **{**options, "disable": True})

    std.tqdm.__init__ = disabled
    return {"parallel_read_safe": True}
