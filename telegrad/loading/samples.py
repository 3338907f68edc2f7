"""A user's samples, cropped to the schedule's size and restricted to the level where they are used.

This runs in the workers of torch's DataLoader, so that only what a step needs comes to the training
process: of a coarse step, small images.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from telegrad.errors import reason
from telegrad.loading.picks import Pick, mixed
from telegrad.mge.batches import Path, leaves, map_fields, name_of
from telegrad.mge.grids import SIDES, GridHierarchy, sized
from telegrad.mge.passengers import PerSample, Shared, boarded
from telegrad.mge.restriction import Rules, averaging, restrict_fields, rule_of, unchanged

SCALES = (1, 2, 3, 4, 8)
"""How many times larger the largest field of a sample may be than another one, a side."""


class Samples(Dataset[Any]):
    """The samples of a dataset as a schedule's picks want them.

    Args:
        dataset: map-style, or `OnLevels`; a sample is a tensor, or a tuple, list or dictionary of
            tensors and other things. Fields (c, *shape), and those with a rule, lie on the grids:
            the largest has the finest shape or more, others may be smaller by a whole factor.
        grids: all levels.
        restriction: how fields are carried to the next coarser level; see `restrict`.
        seed: of crops, and of what is random in the dataset itself.
        crops: that are taken of a sample once it is opened, one after the other.
    """

    def __init__(
        self, dataset: Any, grids: GridHierarchy, restriction: Rules, seed: int, crops: int = 1
    ) -> None:
        self.dataset, self.grids, self.restriction, self.seed = dataset, grids, restriction, seed
        self.crops = crops
        self.has_levels = hasattr(dataset, "on_level")
        self._opened: tuple[tuple[int, int], Any] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, pick: Pick) -> tuple[Pick, Any]:
        """The pick and its sample, each tensor with one leading dimension more.

        Raises:
            ValueError: for a sample that can't be used; the message names it, and its level.
        """
        return self.__getitems__([pick])[0]

    def __getitems__(self, picks: list[Pick]) -> list[tuple[Pick, Any]]:
        """Those of a batch; so torch's DataLoader asks for them."""
        if self.has_levels:
            return [(pick, self.dataset.on_level(pick)) for pick in picks]
        with _randomness_kept():
            return [(pick, self._sample(pick)) for pick in picks]

    def _sample(self, pick: Pick) -> Any:
        try:
            sample = self._open(pick)
        except Exception as error:  # a dataset of the user's own can fail in any way
            raise ValueError(f"{_named(pick)} can't be read ({reason(error)}).") from error
        try:
            return self._on_level(boarded(_as_batch(sample)), pick)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{_named(pick)}: {error}") from error

    def collated(self, samples: list[tuple[Pick, Any]]) -> dict[int, Any]:
        """A batch for each level that has samples, made by torch's `default_collate`.

        Raises:
            ValueError: for samples that don't fit together; the message names two of them.
        """
        of_level: dict[int, list[tuple[Pick, Any]]] = {}
        for pick, sample in samples:
            of_level.setdefault(pick.level, []).append((pick, sample))
        if self.has_levels:
            return {k: self.dataset.collated([s for _, s in v]) for k, v in of_level.items()}
        return {level: _together(level, several) for level, several in of_level.items()}

    def _open(self, pick: Pick) -> Any:
        """The dataset's sample, kept while crops of it follow one another."""
        opening = pick.position // self.crops, pick.sample
        if self._opened is None or self._opened[0] != opening:
            _seed(mixed(self.seed, 2, *opening))
            self._opened = opening, self.dataset[pick.sample]
        return self._opened[1]

    def _on_level(self, batch: Any, pick: Pick) -> Any:
        if pick.patch:
            return self._cropped(batch, pick.shape or self.grids.shape(pick.level), pick.place)
        batch = self._cropped(batch, self.grids.finest, pick.place)
        for _ in range(self.grids.levels - 1 - pick.level):
            batch = restrict_fields(batch, self.restriction, self.grids)
        return batch if pick.shape is None else self._resized(batch, pick.shape)

    def _cropped(self, batch: Any, size: tuple[int, ...], place: tuple[float, ...]) -> Any:
        """A crop, the same part of the scene in every field that lies on the grids."""
        whole = self._whole(batch)
        if len(whole) < len(size) or any(w < n for w, n in zip(whole, size, strict=True)):
            raise ValueError(
                f"it has {sized(whole)} pixels, smaller than the schedule's {sized(size)}; leave "
                f"it out of the dataset, or build the schedule for a smaller size."
            )
        factors = [self._factor(name, field, whole, size) for name, field in self._on_grids(batch)]
        steps = [math.lcm(*s) for s in zip(*factors, strict=True)]
        corner = [
            int(p * ((w - n) // step + 1)) * step
            for p, w, n, step in zip(place, whole, size, steps, strict=True)
        ]

        def crop(path: Path, field: Tensor) -> Tensor:
            if self._is_unchanged(path, field):
                return field
            scales = self._factor(name_of(path), field, whole, size)
            part: Any = tuple(
                slice(first // s, (first + n) // s)
                for first, n, s in zip(corner, size, scales, strict=True)
            )
            return field[(..., *part)]

        return map_fields(crop, batch)

    def _resized(self, batch: Any, shape: tuple[int, ...]) -> Any:
        """Images of that size, bilinear with antialiasing; volumes and signals by their means."""
        whole = self._whole(batch)
        mode: Any = {"mode": "bilinear", "antialias": True} if len(shape) == 2 else {"mode": "area"}

        def resize(path: Path, field: Tensor) -> Tensor:
            if self._is_unchanged(path, field):
                return field
            if rule_of(self.restriction, path, field, self.grids) is not averaging:
                raise ValueError(
                    f"field {name_of(path)!r} can't be resized to {sized(shape)}; only images "
                    f"that are restricted by averaging can."
                )
            scales = [w // n for w, n in zip(whole, field.shape[-len(shape) :], strict=True)]
            if any(n % s for n, s in zip(shape, scales, strict=True)):
                raise ValueError(
                    f"field {name_of(path)!r}, {max(scales)} times smaller than the largest, "
                    f"beside {sized(shape)} pixels; needs sizes that can be divided by that."
                )
            part = tuple(n // s for n, s in zip(shape, scales, strict=True))
            return F.interpolate(field, part, **mode)

        return map_fields(resize, batch)

    def _whole(self, batch: Any) -> tuple[int, ...]:
        """The shape of the largest field that lies on the grids."""
        d = len(self.grids.finest)
        shapes = [tuple(field.shape[-d:]) for _, field in self._on_grids(batch)]
        if not shapes:
            axes = {1: "c, l", 2: "c, h, w", 3: "c, d, h, w"}[d]
            raise ValueError(
                f"no field ({axes}) lies on the grids; give restriction={{name: rule}} for others."
            )
        return max(shapes, key=math.prod)

    def _on_grids(self, batch: Any) -> list[tuple[Any, Tensor]]:
        return [
            (name_of(path), leaf)
            for path, leaf in leaves(batch)
            if isinstance(leaf, Tensor) and not self._is_unchanged(path, leaf)
        ]

    def _is_unchanged(self, path: Path, field: Tensor) -> bool:
        return rule_of(self.restriction, path, field, self.grids) is unchanged

    def _factor(
        self, name: Any, field: Tensor, whole: tuple[int, ...], size: tuple[int, ...]
    ) -> tuple[int, ...]:
        """How many times smaller a field is than the largest, on each axis."""
        grids = self.grids
        sides = tuple(field.shape[-len(whole) :])
        for s in (1,) if grids.nodes else SCALES:
            scales = tuple(1 if block == 1 else s for block in grids.blocks)
            alike = tuple(n * k for n, k in zip(sides, scales, strict=False)) == whole
            if alike and not any(n % k for n, k in zip(size, scales, strict=True)):
                return scales
        raise ValueError(
            f"field {name!r} of shape {tuple(field.shape[1:])} beside one of {sized(whole)}; needs "
            f"the same {SIDES[len(whole)]}, or all smaller by one of {SCALES[1:]}, which the "
            f"schedule's {sized(size)} can be divided by. A field without a mesh needs "
            f"restriction={{{name!r}: 'unchanged'}}."
        )


def _together(level: int, samples: list[tuple[Pick, Any]]) -> Any:
    """A batch of samples; ValueError names two that don't fit together, or the first of them."""
    first, like = samples[0][0], _kinds(samples[0][1])
    for pick, sample in samples:
        if (kinds := _kinds(sample)) != like:
            here = {k: v for k, v in like.items() if kinds.get(k) != v}
            there = {k: v for k, v in kinds.items() if like.get(k) != v}
            raise ValueError(
                f"ScheduledLoader: samples {first.sample} and {pick.sample} don't fit together "
                f"on level {level}: fields of {here} and {there}. Make them alike in the "
                f"dataset, for example with the same channels."
            )
    try:
        return default_collate([_as_sample(sample) for _, sample in samples])
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"ScheduledLoader: samples can't come together in a batch on level {level}, the first "
            f"of them {first.sample} ({reason(error)}). Leave out of the dataset's samples what "
            f"torch's default_collate can't join, such as None."
        ) from error


def _kinds(sample: Any) -> dict[Any, Any]:
    """Of each field the shape, and the type where it isn't torch's usual one; else of what."""
    return {name_of(path): _kind(leaf) for path, leaf in leaves(sample)}


def _kind(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        shape = tuple(leaf.shape[1:])
        return shape if leaf.dtype == torch.float32 else (shape, leaf.dtype)
    value = leaf.value[0] if isinstance(leaf, PerSample) else leaf.value
    return type(value).__name__


def _named(pick: Pick) -> str:
    return f"ScheduledLoader: sample {pick.sample}, for level {pick.level}"


def _as_batch(sample: Any) -> Any:
    """A sample as a batch of one."""
    if sample is None:
        raise TypeError("the dataset returned None; leave such samples out of it.")
    if isinstance(sample, Tensor):
        return sample[None]
    if isinstance(sample, dict):
        return {k: _as_batch_or_list(v) for k, v in sample.items()}
    if isinstance(sample, (tuple, list)):
        parts = [_as_batch_or_list(v) for v in sample]
        return type(sample)(*parts) if hasattr(sample, "_fields") else type(sample)(parts)
    raise TypeError(
        f"the dataset returned a {type(sample).__name__}; needs a tensor, or a tuple, list or "
        f"dictionary of tensors. Convert images to tensors in the dataset."
    )


def _as_batch_or_list(value: Any) -> Any:
    """What is no tensor becomes a list of one, as a batch of one has it."""
    nested = isinstance(value, (Tensor, dict, tuple, list))
    return _as_batch(value) if nested else [value]


def _as_sample(batch: Any) -> Any:
    """A boarded batch of one as the sample that it was."""
    if isinstance(batch, Tensor):
        return batch[0]
    if isinstance(batch, PerSample):
        return batch.value[0]
    if isinstance(batch, Shared):
        return batch.value
    if isinstance(batch, dict):
        return {k: _as_sample(v) for k, v in batch.items()}
    parts = [_as_sample(v) for v in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


@contextmanager
def _randomness_kept() -> Iterator[None]:
    """Afterwards, what is random outside is as it was. Once a batch: numpy's state takes 0.1 ms."""
    numpy: Any = sys.modules.get("numpy")
    before = random.getstate(), None if numpy is None else numpy.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(before[0])
            if numpy is not None:
                numpy.random.set_state(before[1])


def _seed(seed: int) -> None:
    """From now on, what is random in a dataset follows from the seed."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
