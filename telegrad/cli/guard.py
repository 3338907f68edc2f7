"""Errors as one line, and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def guarded(name: str, command: Callable[[], int]) -> int:
    """The command's exit code; errors as one line under its name, which is said once."""
    try:
        with plain_warnings():
            code = command()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        number = getattr(stop, "signal", None)  # of an `Interrupted`, which was saved
        if number is not None:
            print(f"\n{name}: {stop}, and saved.", file=sys.stderr)
            return 128 + int(number)
        print(f"\n{name}: stopped; what was written until now is kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads has had enough, as `head` has
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, RecursionError) as error:
        print(f"{name}: {_without(name, error)}", file=sys.stderr)
        return 2
    except (ArithmeticError, MemoryError) as error:
        print(f"{name}: {_without(name, error)}", file=sys.stderr)
        return 1


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as a line for users, without the place in the source."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"Warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _without(name: str, error: Exception) -> str:
    """An error's words without the name of the call in front, where it is the command's own."""
    return str(error).removeprefix(f"{name.rpartition(' ')[2]}: ")
