"""Lightning Fabric, imported without what it does not need."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any


def lightning_fabric() -> Any:
    """The module, with its strategies.

    It asks torchmetrics for its version when it is imported, and so imports all of it: with
    torchvision, SciPy and matplotlib, for as long as torch itself. If nobody has imported that
    before, an empty module says the version meanwhile.
    """
    if "lightning_fabric" in sys.modules or "torchmetrics" in sys.modules:
        return _imported()
    stands_in = ModuleType("torchmetrics")
    try:
        stands_in.__version__ = version("torchmetrics")  # type: ignore[attr-defined]
    except PackageNotFoundError:
        return _imported()
    sys.modules["torchmetrics"] = stands_in
    try:
        return _imported()
    finally:
        if sys.modules.get("torchmetrics") is stands_in:
            del sys.modules["torchmetrics"]


def _imported() -> ModuleType:
    import_module("lightning_fabric.strategies")
    return import_module("lightning_fabric")
