"""Torch's files of tensors and plain data: nothing is unpickled that could run, nothing explodes.

A file of a few bytes can announce gigabytes: by compressed members, by tensors whose strides are 0,
by lists that contain each other many times. Each is refused before anything is allocated or walked.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telegrad.errors import reason

MOST_VALUES = 10**6
"""Tensors, numbers and names in a file; a large state has a few ten thousand."""

SLACK = 2**20
"""Bytes beyond a file's own that its tensors may have."""


def read_tensors(file: str | Path) -> Any:
    """What `torch.save` wrote: tensors, numbers and texts in dictionaries and lists.

    Raises:
        OSError: if it can't be read.
        ValueError: if it is not such a file, is damaged, holds objects that reading would have to
            run code for, or stands for more than is in it.
    """
    import torch

    path = Path(file)
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: is damaged, or no file that torch.save has written since 1.6")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise ValueError(f"{path}: damaged ({error})") from error
    compressed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if compressed or sum(member.file_size for member in members) > size:
        raise ValueError(f"{path}: its members announce more than the file has; torch packs none")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tensors that are refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: holds more than tensors and plain data, and reading it could run code that "
            f"is hidden in it; refused"
        ) from error
    except Exception as error:  # a torn file can fail in any way
        raise ValueError(f"{path}: damaged ({reason(error)})") from error
    total = 0
    for number, value in enumerate(_values(content)):
        if number > MOST_VALUES:
            raise ValueError(f"{path}: stands for more than {MOST_VALUES:,} values")
        if isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.device.type != "cpu":
                raise ValueError(f"{path}: has tensors that are not plain ones")
            total += value.numel() * value.element_size()
            if total > 4 * size + SLACK:  # weights that are tied count several times
                raise ValueError(f"{path}: its tensors announce more bytes than the file has")
    return content


def _values(content: Any) -> Iterator[Any]:
    """All values, each as often as it can be reached; not deeper than a file of ours could be."""
    stack = [(content, 0)]
    while stack:
        value, depth = stack.pop()
        yield value
        inner: Any = ()
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            inner = value
        if inner and depth > 100:
            raise ValueError("values lie too deep in each other")
        stack += [(one, depth + 1) for one in inner]
