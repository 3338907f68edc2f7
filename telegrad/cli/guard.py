"""Errors as one line, and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable


def guarded(name: str, command: Callable[[], int]) -> int:
    """The command's exit code; errors as one line under its name."""
    try:
        return command()
    except KeyboardInterrupt as stop:
        number = getattr(stop, "signal", None)  # of an `Interrupted`, which was saved
        if number is not None:
            print(f"\n{name}: {stop}, and saved.", file=sys.stderr)
            return 128 + int(number)
        print(f"\n{name}: stopped; what was written until now is kept.", file=sys.stderr)
        return 130
    except (ValueError, OSError, RecursionError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except (ArithmeticError, MemoryError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
