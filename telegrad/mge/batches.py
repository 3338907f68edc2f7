"""A batch: a tensor, or a tuple, list or dictionary of tensors, with the samples first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor


def map_fields(function: Callable[..., Tensor], batch: Any, *others: Any, key: Any = None) -> Any:
    """A batch of the same structure, with `function(key, field, …)` in the place of each field.

    `key` is the field's key in its dictionary or its index in its tuple; None for a bare tensor.

    Raises:
        TypeError: if something in the batch is not a tensor.
    """
    if isinstance(batch, Tensor):
        return function(key, batch, *others)
    if isinstance(batch, Mapping):
        return {
            k: map_fields(function, v, *(other[k] for other in others), key=k)
            for k, v in batch.items()
        }
    if isinstance(batch, (tuple, list)):
        fields = [
            map_fields(function, v, *(other[k] for other in others), key=k)
            for k, v in enumerate(batch)
        ]
        return type(batch)(*fields) if hasattr(batch, "_fields") else type(batch)(fields)
    where = "" if key is None else f" under {key!r}"
    raise TypeError(
        f"batch: got a {type(batch).__name__}{where}; a batch is a tensor, or a tuple, list or "
        f"dictionary of tensors with the samples first. Remove everything else from it."
    )


def fields(batch: Any) -> list[tuple[Any, Tensor]]:
    """The batch's fields with their keys, as `map_fields` gives them."""
    keyed: list[tuple[Any, Tensor]] = []

    def append(key: Any, field: Tensor) -> Tensor:
        keyed.append((key, field))
        return field

    map_fields(append, batch)
    return keyed


def count(batch: Any) -> int:
    """The number of samples.

    Raises:
        ValueError: if the fields disagree, or there are none.
    """
    counts = {key: len(field) if field.ndim else "no dimensions" for key, field in fields(batch)}
    numbers = set(counts.values())
    if len(numbers) != 1 or not all(isinstance(n, int) for n in numbers):
        raise ValueError(
            f"batch: fields need the same number of samples in their first dimension; got {counts}."
        )
    return int(numbers.pop())


def rows(batch: Any, start: int, stop: int) -> Any:
    """The samples `start` … `stop` − 1."""
    return map_fields(lambda _, field: field[start:stop], batch)


def join(first: Any, second: Any) -> Any:
    """The samples of `first`, then those of `second`.

    Raises:
        ValueError: if their fields differ in name, shape, type or device.
    """
    kinds = [
        {key: (tuple(field.shape[1:]), field.dtype, str(field.device)) for key, field in fields(b)}
        for b in (first, second)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"batch: samples of {kinds[0]} can't be joined with samples of {kinds[1]}; needs "
            f"fields of the same names, shapes, types and devices."
        )
    return map_fields(lambda _, a, b: torch.cat([a, b]), first, second)
