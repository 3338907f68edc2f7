"""Files that a command writes anew each time, and those of its user that it must not touch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BEGINNING = 2**12
"""Bytes of a file in which its mark stands, if this program has written it."""


def refuse_foreign(command: str, files: Mapping[Path, str]) -> None:
    """Raises FileExistsError if one of these files is there and lacks its mark.

    Args:
        command: that would write them.
        files: and the text by which each is known as this program's own.
    """
    for file, mark in files.items():
        if not file.exists():
            continue
        if file.is_file():
            with file.open("rb") as content:
                if mark.encode() in content.read(BEGINNING):
                    continue
        raise FileExistsError(
            f"{command}: {file} is there and was not written by this command; move or rename it, "
            f"or use another directory."
        )
