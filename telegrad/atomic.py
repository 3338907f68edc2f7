"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any


def write_whole(path: Path, content: str | bytes | Callable[[IO[Any]], object]) -> None:
    """Writes a file: aside, flushed to disk, then renamed. Until then what was there stays.

    One process at a time may write a file.

    Args:
        path: of the file; its directory must exist.
        content: text (UTF-8), bytes, or a function that writes to the open binary file. What it
            raises passes through, except OSError and RuntimeError.

    Raises:
        OSError: if it can't be written; what was there before is unchanged.
    """
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        if not isinstance(error, (OSError, RuntimeError)):  # of torch.save, for a full disk
            raise
        raise OSError(
            f"{path} can't be written ({error}); free some space or choose another place. What was "
            f"there before is unchanged."
        ) from error


def check_room(directory: Path, option: str) -> None:
    """Raises OSError if nothing can be written in a directory, or it can't be made; leaves nothing.

    For what is written only after long work, to a place that was named by this option.
    """
    near = next(place for place in (directory, *directory.parents) if os.path.lexists(place))
    try:
        Path(tempfile.mkdtemp(prefix=".", dir=near)).rmdir()
    except OSError as error:
        raise OSError(
            f"{directory} can't be written ({error.strerror}); choose another with --{option}."
        ) from error
