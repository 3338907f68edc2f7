"""The modules that a function of losses reaches: its own, what it closes over, what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

MOST = 200
"""So many objects are looked at; a function of losses names a dozen."""

Names = frozenset[str]
"""Globals and attributes that code uses."""


def modules_of(losses: Callable[..., Any]) -> list[nn.Module]:
    """Modules that a function may call, as far as its names tell.

    Looked for in closures, globals, defaults and bound arguments, in attributes of the objects
    there that the code names, and in the functions and methods that it names.

    >>> network = nn.Linear(2, 2)
    >>> modules_of(lambda batch: network(batch).square().mean(1)) == [network]
    True
    """
    found: list[nn.Module] = []
    seen: dict[tuple[int, Names], Any] = {}  # holds the objects, so that no id is used twice
    waiting: list[tuple[Any, Names]] = [(losses, frozenset())]
    while waiting and len(seen) < MOST:
        x, names = waiting.pop(0)
        if isinstance(x, nn.Module):
            if not any(x is module for module in found):
                found.append(x)
        elif (id(x), names) not in seen:
            seen[id(x), names] = x
            waiting.extend(_reached_through(x, names))
    return found


def _reached_through(x: Any, names: Names) -> Iterator[tuple[Any, Names]]:
    """What code that uses `names` may reach through x, and the names that are used there."""
    if isinstance(x, partial):
        yield from ((part, names) for part in (x.func, *x.args, *x.keywords.values()))
    elif isinstance(x, MethodType):
        yield x.__func__, names
        yield x.__self__, _names(getattr(x.__func__, "__code__", None))
    elif isinstance(x, FunctionType):
        used = _names(x.__code__)
        cells = [cell.cell_contents for cell in x.__closure__ or () if _is_filled(cell)]
        defaults = [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        wrapped = [x.__wrapped__] if hasattr(x, "__wrapped__") else []
        of_torch = (x.__module__ or "").partition(".")[0] == "torch"
        named = [] if of_torch else [x.__globals__[n] for n in used if n in x.__globals__]
        yield from ((part, used) for part in (*cells, *defaults, *wrapped, *named))
    elif isinstance(x, (Mapping, list, tuple)):
        parts = x.values() if isinstance(x, Mapping) else x
        yield from ((part, names) for part in parts if isinstance(part, nn.Module))
    elif not isinstance(x, (type, Tensor, ModuleType)):
        yield from _attributes(x, names)


def _attributes(x: Any, names: Names) -> Iterator[tuple[Any, Names]]:
    """The attributes of an object that code names, and what its being called reaches."""
    own = getattr(x, "__dict__", {})
    for name in names | {"__call__"}:
        member = getattr(type(x), name, None)
        if isinstance(member, property):
            member = member.fget
        if name in own:
            yield own[name], names
        elif isinstance(member, FunctionType):
            yield MethodType(member, x), names


@lru_cache(maxsize=256)
def _names(code: CodeType | None) -> Names:
    """Those of functions within it included."""
    if code is None:
        return frozenset()
    within = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(code.co_names).union(*within)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
