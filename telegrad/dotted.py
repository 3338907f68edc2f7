"""What a dotted path names, in any module that can be imported; and short names as typed."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any, TypeGuard, get_origin

from telegrad.errors import did_you_mean


class MissingNameError(Exception):
    """A module is there, and lacks what is asked of it."""


def is_class(what: object, *bases: type) -> TypeGuard[type]:
    """Whether it is a class, of one of the bases if there are any; `dict[str, int]`, which Python
    3.10 takes for one, is none."""
    if not inspect.isclass(what) or get_origin(what) is not None:
        return False
    return not bases or issubclass(what, bases)


def imported(path: str) -> Any:
    """What a dotted path names; the working directory is looked into first. Nothing is called.

    Raises:
        MissingNameError: if the module is there and lacks that name.
        Exception: of many kinds, as the module raises them.
    """
    names = path.split(".")
    if not all(name.isidentifier() for name in names):
        raise ValueError(f"{path!r} is not a dotted path")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        for end in range(len(names) - 1, 0, -1):
            module = ".".join(names[:end])
            try:
                what: Any = importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name is None or not (module + ".").startswith(error.name + "."):
                    raise  # the module is there, and misses another
                continue
            for name in names[end:]:
                if not hasattr(what, name):
                    guess = did_you_mean(name, dir(what)) or "."
                    raise MissingNameError(f"{module} has no {name}{guess}")
                what = getattr(what, name)
            return what
        raise ModuleNotFoundError(f"no module named {names[0]!r}")
    finally:
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)  # for what a module imports later


def plain_name(name: str) -> str:
    """A short name without its case, dashes and underlines.

    >>> plain_name("FullMultiscale") == plain_name("full_multiscale")
    True
    """
    return name.lower().replace("_", "").replace("-", "")


def offered_at(what: Any, name: str) -> str:
    """The dotted path of a class or function, in the uppermost package that offers it.

    >>> from torch import nn
    >>> offered_at(nn.Linear, "Linear")
    'torch.nn.Linear'
    """
    parts = what.__module__.split(".")
    for end in range(1, len(parts)):
        package = ".".join(parts[:end])
        offered = vars(sys.modules[package]) if package in sys.modules else {}
        if alias := next((n for n in (name, *offered) if offered.get(n) is what), None):
            return f"{package}.{alias}"
    return f"{what.__module__}.{name}"
