"""One process at a time works on a run, or on a comparison."""

from __future__ import annotations

import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from telegrad.atomic import write_whole

_held: set[Path] = set()
"""Directories that this process works on."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Inside, no other process that asks for it works on `directory`.

    The system holds the lock and releases it when the process ends, however it ends; on a network
    file system as far as that has locks. Who holds it stands in `lock.json` beside it. A process
    that has it already may ask again.

    Args:
        directory: of a run, or of a comparison; it must exist.

    Raises:
        BlockingIOError: if another process works on it; the message names process and host.
    """
    directory = directory.resolve()
    if directory in _held:
        yield
        return
    lock, holder = FileLock(directory / "lock", timeout=0), directory / "lock.json"
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(
            f"{directory}: {_who(holder)} works on it. Wait for it or stop it, or use another "
            f"directory (--out) or run_id."
        ) from None
    except (OSError, NotImplementedError) as error:
        warnings.warn(
            f"{directory} can't be locked ({error}); see to it that one process at a time works "
            f"on it",
            stacklevel=3,
        )
        yield
        return
    try:
        started = datetime.now().isoformat(timespec="seconds")
        who = {"process": os.getpid(), "host": socket.gethostname(), "since": started}
        write_whole(holder, json.dumps(who) + "\n")
        _held.add(directory)
        yield
    finally:
        _held.discard(directory)
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _who(holder: Path) -> str:
    """The process that holds a lock, in words."""
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {who['process']} on {who['host']} (since {who['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
