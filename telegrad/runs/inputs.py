"""What a run was made of: names and digests of images, of a task's files, of the user's classes."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telegrad.data import NamedImage, Source
from telegrad.files import read_json
from telegrad.losses import Sum
from telegrad.runs.component import KINDS, Component
from telegrad.runs.config import Config

EDGE = 2**16
"""Bytes at the beginning and the end of a file that its digest is of, besides its size."""

NAMED = 3
"""So many names are given of what has changed."""

_LIBRARIES = (
    "telegrad",
    "torch",
    "lightning_fabric",
    "torchvision",
    "torchmetrics",
    "schedulefree",
)
"""Whose classes are known by their versions."""


def inputs_of(config: Config, source: Source) -> dict[str, Any]:
    """Digests by name: of the images to train and to validate on, of the user's files that the task
    draws from, and of the user's own source.

    An image is known by its file's name within the dataset, and by size and edges of the file; one
    that lies in memory by its pixels.
    """
    return {**digests_of(source, config.build_task().files), "code": _code(config)}


def digests_of(source: Source, files: Mapping[str, Path]) -> dict[str, Any]:
    """Of the images alone, and of a task's files by their names."""
    return {
        "train": _digests(source.train),
        "val": _digests(source.val),
        "task": {name: _of_file(file) for name, file in files.items()},
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is another than before, in words; empty if nothing is."""
    said = []
    parts = (
        ("train", "images to train on"),
        ("val", "images to validate on"),
        ("task", "files of the task"),
    )
    for part, what in parts:
        old, new = _by_name(before, part), _by_name(now, part)
        groups = (
            ("added", sorted(new.keys() - old.keys())),
            ("missing", sorted(old.keys() - new.keys())),
            ("changed", sorted(n for n in old.keys() & new.keys() if old[n] != new[n])),
        )
        said += [f"{what} {_counted(names)} {how}" for how, names in groups if names]
    old, new = _by_name(before, "code"), _by_name(now, "code")
    return said + [
        f"the source of {name} is another" for name in old.keys() & new.keys()
        if old[name] != new[name]
    ]  # fmt: skip


def read_inputs(file: Path) -> dict[str, Any] | None:
    """What was written; None if it is missing or damaged."""
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _counted(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED]) + ", …" * (len(names) > NAMED)
    return f"({shown}): {len(names)}"


def _by_name(inputs: Mapping[str, Any], part: str) -> dict[str, Any]:
    named = inputs.get(part)
    return dict(named) if isinstance(named, Mapping) else {}


def _digests(images: Iterable[NamedImage]) -> dict[str, str]:
    digests: dict[str, str] = {}
    of_file: dict[Path, str] = {}
    in_memory = hashlib.sha256()
    several = False
    for image in images:
        for place, file in enumerate(image.files):
            if file not in of_file:
                of_file[file] = _of_file(file)
                companion = f"{image.key} with {file.name}" if place else image.key
                digests[companion if image.key else file.name] = of_file[file]
        if not image.files:
            several = True
            in_memory.update(np.ascontiguousarray(image.open()).data)
    return digests | ({"in memory": in_memory.hexdigest()[:16]} if several else {})


def _of_file(file: Path) -> str:
    """Of a file's size and edges; of a folder, of the names and sizes in it."""
    digest = hashlib.sha256()
    if file.is_dir():
        for part in sorted(p for p in file.rglob("*") if p.is_file()):
            digest.update(f"{part.relative_to(file)} {part.stat().st_size}\n".encode())
        return digest.hexdigest()[:16]
    with file.open("rb") as content:
        size = content.seek(0, 2)
        digest.update(f"{size}\n".encode())
        for start in {0, max(size - EDGE, 0)}:
            content.seek(start)
            digest.update(content.read(EDGE))
    return digest.hexdigest()[:16]


def _code(config: Config) -> dict[str, str]:
    """Digests of the files that the user's own classes are written in, by the class's path."""
    digests = {}
    for kind in KINDS:
        component = getattr(config, kind)
        if component is None:
            continue
        for what in _classes_of(component):
            if what.__module__.partition(".")[0] in _LIBRARIES:
                continue
            try:
                file = inspect.getsourcefile(what) or sys.modules[what.__module__].__file__ or ""
                digests[f"{what.__module__}.{what.__qualname__}"] = _of_file(Path(file))
            except (OSError, TypeError, KeyError):
                continue  # made at a prompt: it has no file
    return digests


def _classes_of(component: Component) -> list[Any]:
    """The class or function that a part names; of a sum of losses, those of its terms too."""
    if component.instance is not None:
        return [type(component.instance)]
    terms = component.build().parts if component.factory is Sum else ()
    return [component.factory, *(type(loss) for _, loss in terms)]
