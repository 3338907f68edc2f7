"""What travels in a batch beside its fields: file names, settings, None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class PerSample:
    """One entry a sample, such as file names, in a list or tuple."""

    value: list[Any] | tuple[Any, ...]

    def rows(self, start: int, stop: int) -> PerSample:
        return PerSample(self.value[start:stop])

    def join(self, other: PerSample) -> PerSample:
        joined = [*self.value, *other.value]
        return PerSample(joined if isinstance(self.value, list) else tuple(joined))

    def copied(self) -> Any:
        return _own_containers(self.value)


@dataclass(frozen=True)
class Shared:
    """One thing for all samples, such as a name, a number or None."""

    value: Any

    def rows(self, start: int, stop: int) -> Shared:
        return self

    def join(self, other: Shared) -> Shared:
        return self

    def copied(self) -> Any:
        return _own_containers(self.value)


Passenger = PerSample | Shared


def boarded(batch: Any) -> Any:
    """A user's batch, with everything that is not a tensor as `PerSample` or `Shared`.

    A list or tuple without tensors has one entry a sample; or it holds such lists, as DataLoader
    makes of samples with several strings. Where both fit, a list of tuples of strings is what
    DataLoader makes.

    Raises:
        TypeError: for arrays, and objects that hold tensors where none would find them.
        ValueError: for a list that does not have one entry a sample.
    """
    first = next(_tensors(batch), None)
    if first is None:
        return batch  # no batch, as whoever counts its samples will say
    return _boarded(batch, len(first) if first.ndim else 0, None)


def no_field(value: Any, key: Any) -> TypeError:
    """The error for something that can be neither field nor passenger."""
    where = "" if key is None else f" under {key!r}"
    kind = type(value).__name__
    if _is_array(value):
        return TypeError(
            f"batch: got a {kind}{where}, which would be neither split nor restricted; make it a "
            f"tensor with torch.as_tensor, the samples first, or leave it out."
        )
    return TypeError(
        f"batch: got a {kind}{where}; a batch is a tensor, or a tuple, list or dictionary of "
        f"tensors with the samples first."
    )


def _boarded(x: Any, n: int, key: Any) -> Any:
    if isinstance(x, (Tensor, PerSample, Shared)):
        return x
    if isinstance(x, (dict, Mapping)):
        return {k: _boarded(v, n, k) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        array = next(filter(_is_array, x), None)
        if array is not None:
            raise no_field(array, key)
        if x and next(_tensors(x), None) is None:
            if len(x) == n and not _is_collated(x, n):
                return PerSample(x)
            if not all(isinstance(part, (tuple, list)) and len(part) == n for part in x):
                where = "" if key is None else f" under {key!r}"
                raise ValueError(
                    f"batch: a {type(x).__name__} of {len(x)} without tensors{where}, for {n} "
                    f"samples; needs one entry a sample. Keep what belongs to no sample outside "
                    f"the batch, where `losses` can reach it."
                )
        parts = [_boarded(v, n, k) for k, v in enumerate(x)]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if _is_array(x) or _hides_tensors(x):
        raise no_field(x, key)
    return Shared(x)


def _tensors(x: Any) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, (dict, tuple, list, Mapping)):
        for part in x.values() if isinstance(x, (dict, Mapping)) else x:
            yield from _tensors(part)


def _is_collated(x: Any, n: int) -> bool:
    """Whether it is a list of tuples of `n` strings."""
    tuples = isinstance(x, list) and all(type(part) is tuple and len(part) == n for part in x)
    return tuples and all(isinstance(entry, str) for part in x for entry in part)


def _is_array(x: Any) -> bool:
    """Whether it is an array of numbers that is no tensor; numbers of NumPy are none."""
    return hasattr(x, "__array__") and not isinstance(x, Tensor) and getattr(x, "ndim", 1) > 0


def _hides_tensors(x: Any) -> bool:
    return any(isinstance(value, Tensor) for value in getattr(x, "__dict__", {}).values())


def _own_containers(x: Any) -> Any:
    """The same things in lists, tuples, dictionaries and sets of their own."""
    if isinstance(x, (set, bytearray)):
        return x.copy()
    if type(x) is dict:
        return {k: _own_containers(v) for k, v in x.items()}
    if type(x) in (list, tuple):
        return type(x)(_own_containers(v) for v in x)
    return x
