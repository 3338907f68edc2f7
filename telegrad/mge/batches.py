"""A batch: a tensor, or a tuple, list or dictionary of tensors, with the samples first.

What else a user's batch holds travels along; see `telegrad.mge.passengers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from telegrad.mge.passengers import Passenger, PerSample, Shared, boarded, no_field

Path = tuple[Any, ...]
"""The keys and indices that lead to a field; () for a bare tensor."""


def map_fields(
    function: Callable[..., Tensor],
    batch: Any,
    *others: Any,
    path: Path = (),
    passengers: Callable[..., Any] = lambda passenger, *others: passenger,
) -> Any:
    """A batch of the same structure, with `function(path, field, …)` in the place of each field.

    In the place of each boarded passenger stands `passengers(passenger, …)`.

    Raises:
        TypeError: if something in the batch is neither a tensor nor a boarded passenger.
    """
    if isinstance(batch, Tensor):
        return function(path, batch, *others)
    if isinstance(batch, (PerSample, Shared)):
        return passengers(batch, *others)

    def inside(k: Any, v: Any) -> Any:
        of_others = (other[k] for other in others)
        return map_fields(function, v, *of_others, path=(*path, k), passengers=passengers)

    if isinstance(batch, (dict, Mapping)):
        return {k: inside(k, v) for k, v in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [inside(k, v) for k, v in enumerate(batch)]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    raise no_field(batch, key_of(path))


def leaves(batch: Any, path: Path = ()) -> Iterator[tuple[Path, Tensor | Passenger]]:
    """Fields and boarded passengers with their paths."""
    if isinstance(batch, (Tensor, PerSample, Shared)):
        yield path, batch
    elif isinstance(batch, (dict, tuple, list, Mapping)):
        for k, v in batch.items() if isinstance(batch, (dict, Mapping)) else enumerate(batch):
            yield from leaves(v, (*path, k))
    else:
        raise no_field(batch, key_of(path))


def fields(batch: Any) -> list[tuple[Path, Tensor]]:
    """The batch's fields with their paths."""
    return [(path, leaf) for path, leaf in leaves(batch) if isinstance(leaf, Tensor)]


def key_of(path: Path) -> Any:
    """A field's key in its dictionary or its index in its tuple; None for a bare tensor."""
    return path[-1] if path else None


def name_of(path: Path) -> Any:
    """How messages, and rules, name a field.

    >>> name_of(("noise",)), name_of((0,)), name_of(("low", "noise"))
    ('noise', 0, 'low.noise')
    """
    return key_of(path) if len(path) < 2 else ".".join(map(str, path))


def count(batch: Any) -> int:
    """The number of samples.

    Raises:
        ValueError: if the fields disagree, or there are none.
    """
    numbers = {_samples(leaf) for _, leaf in leaves(batch)} - {None}
    if len(numbers) == 1 and isinstance(number := numbers.pop(), int):
        return number
    counts = {name_of(path): _samples(leaf) for path, leaf in leaves(batch)}
    counts = {name: n for name, n in counts.items() if n is not None}
    raise ValueError(
        f"batch: fields need the same number of samples in their first dimension; got {counts}."
    )


def _samples(leaf: Tensor | Passenger) -> int | str | None:
    if isinstance(leaf, Tensor):
        return leaf.shape[0] if leaf.ndim else "no dimensions"
    return len(leaf.value) if isinstance(leaf, PerSample) else None


def rows(batch: Any, start: int, stop: int) -> Any:
    """The samples `start` … `stop` − 1."""
    return map_fields(
        lambda _, field: field[start:stop], batch, passengers=lambda p: p.rows(start, stop)
    )


def join(first: Any, second: Any) -> Any:
    """The samples of `first`, then those of `second`.

    Raises:
        ValueError: if their fields differ in name, shape, type or device, or they share other
            things for all samples.
    """
    kinds = [{name_of(path): _kind(leaf) for path, leaf in leaves(b)} for b in (first, second)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"batch: samples of {kinds[0]} can't be joined with samples of {kinds[1]}; needs "
            f"fields of the same names, shapes, types and devices, and all else the same."
        )
    return map_fields(
        lambda _, a, b: torch.cat([a, b]), first, second, passengers=lambda a, b: a.join(b)
    )


def _kind(leaf: Tensor | Passenger) -> Any:
    """What samples of two batches must have in common to be joined."""
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape[1:]), leaf.dtype, str(leaf.device)
    return "one entry a sample" if isinstance(leaf, PerSample) else leaf.value


def copied(batch: Any) -> Any:
    """What `losses` is given: the same values, in containers and storage of their own.

    Whatever it does to them, in place or by taking a key away, stays with that pass.
    """
    return map_fields(lambda _, field: field.clone(), batch, passengers=lambda p: p.copied())


def bare(batch: Any) -> Any:
    """The batch with its passengers as the user gave them."""
    return map_fields(lambda _, field: field, batch, passengers=lambda p: p.value)


def on_device(batch: Any, device: torch.device | str | int, non_blocking: bool = False) -> Any:
    """A user's batch with its tensors on that device; what else it holds stays as it is.

    Args:
        batch: not boarded.
        device: of torch.
        non_blocking: whether copies from pinned memory are only begun.

    Raises:
        As `boarded`.
    """
    boarding = boarded(batch)
    return bare(map_fields(lambda _, x: x.to(device, non_blocking=non_blocking), boarding))
