"""Images on every level: crops of a level are read from that level, at that level's cost."""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from telegrad.data.base import BadImages
from telegrad.data.cache import CachePlace
from telegrad.data.image_files import Pixels
from telegrad.data.levels import Coarsening, ImageRestriction, Levels, number_of_bytes
from telegrad.data.many_images import levels_of
from telegrad.data.source import NamedImage
from telegrad.loading.picks import Pick
from telegrad.mge.batches import map_fields
from telegrad.mge.grids import GridHierarchy, sized
from telegrad.mge.numbers import is_number

GIBIBYTE = 2**30

Crop = dict[str, Pixels]
"""(h, w, 3) of uint8 by field: `clean`, and `low` where the images are pairs."""

Crops = dict[str, Tensor]
"""(n, 3, h, w) by field."""


@dataclass(frozen=True, eq=False)
class Pyramid(Dataset[Crops]):
    """Each image on each level, as uint8: a dataset for `ScheduledLoader`.

    Of a step it opens what the step needs: its level of a crop, at that level's cost. Item k is the
    whole image k on the finest level, (3, h, w) by field.

    A crop of a coarse level is, up to rounding, what restricting the crop of the finest level
    gives: images are coarsened by the same rule, and trimmed to multiples of the coarsest mesh
    width so that the 2×2 blocks of all levels nest. The telescoping sum needs this: the samples
    that begin on a coarse level must be distributed as those restricted to it.

    Attributes:
        grids: the crops' shapes on each level.
        images: each image's levels, in memory or on disk.
        restriction: by which they were made, coarse from fine.
        stride: crops begin at multiples of it, in pixels of the coarsest level (patches: of the
            finest): how many times larger `clean` is than `low`, where the images are pairs.
        dtype: of what the dataset gives: uint8, or a type of floating point for images in [0, 1].
        mirror: whether half of the crops are mirrored.
        resize: whether crops are resized where a stage has a size between the levels. Else they
            come as they are on its level, for whoever resizes them on the device.
    """

    grids: GridHierarchy
    images: Sequence[Levels]
    restriction: ImageRestriction = "averaging"
    stride: int = 1
    dtype: torch.dtype = torch.uint8
    mirror: bool = True
    resize: bool = False

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> Crops:
        whole = {field: levels[-1] for field, levels in self.images[k].items()}
        return {field: images[0] for field, images in self.collated([whole]).items()}

    def on_level(self, pick: Pick) -> Crop | Crops:
        """The crop of a pick: arrays (h, w, 3) of uint8, or resized images (1, 3, h, w).

        Raises:
            ValueError: for a size that images can't have beside their companions.
        """
        if pick.shape is not None and any(n % self.stride for n in pick.shape):
            raise ValueError(
                f"Pyramid: {sized(pick.shape)} pixels, and companions {self.stride} times smaller; "
                f"needs sizes that can be divided by {self.stride}."
            )
        crop = self.crop(pick.sample, pick.place, pick.level, pick.patch, pick.shape)
        if self.mirror and pick.mirrored:
            crop = {field: pixels[:, ::-1] for field, pixels in crop.items()}
        if pick.shape is None or pick.patch or not self.resize:
            return crop
        return resized(self.collated([crop]), pick.shape)

    def collated(self, samples: Sequence[Any]) -> Crops:
        """A batch of crops, in channels-last memory."""
        return {field: self._batch([sample[field] for sample in samples]) for field in samples[0]}

    def _batch(self, several: Sequence[Any]) -> Tensor:
        if isinstance(several[0], Tensor):
            return torch.cat(tuple(several))
        pixels = torch.from_numpy(np.stack(several)).permute(0, 3, 1, 2)
        return pixels.to(self.dtype) / 255 if self.dtype.is_floating_point else pixels

    def crop(
        self,
        image: int,
        place: Sequence[float],
        level: int,
        patch: bool = False,
        shape: tuple[int, ...] | None = None,
    ) -> Crop:
        """A crop as it is on `level`, each of its fields; or a patch of the finest level.

        Args:
            image: which.
            place: down and across, in [0, 1); every possible corner has an equal part of it.
            level: 0 is the coarsest.
            patch: whether it only has that level's shape, and the finest level's pixels.
            shape: of a patch, if other than the level's.
        """
        levels = self.images[image]
        height, width = shape if patch and shape else self.grids.shape(level)
        corners, level = (self.grids.levels - 1, self.grids.levels - 1) if patch else (0, level)
        whole = levels["clean"][corners].shape[:2]
        part = (height, width) if patch else self.grids.shape(0)
        top, left = (
            int(p * ((w - n) // self.stride + 1)) * self.stride << (level - corners)
            for p, w, n in zip(place, whole, part, strict=True)
        )
        crop = {"clean": levels["clean"][level][top : top + height, left : left + width]}
        if "low" in levels:
            s = self.stride
            down, across = (
                slice(top // s, (top + height) // s),
                slice(left // s, (left + width) // s),
            )
            crop["low"] = levels["low"][level][down, across]
        return crop


def resized(images: Crops, shape: tuple[int, ...]) -> Crops:
    """Images (n, 3, h, w) of that height and width, bilinear with antialiasing; `low` in scale.

    Those of uint8 are rounded.
    """
    height, width = images["clean"].shape[-2:]

    def resize(_: str, image: Tensor) -> Tensor:
        h, w = image.shape[-2:]
        part = shape[0] * h // height, shape[1] * w // width
        if image.is_floating_point():
            return F.interpolate(image, part, mode="bilinear", antialias=True)
        exact = F.interpolate(image.float(), part, mode="bilinear", antialias=True)
        return exact.round().to(image.dtype)

    return map_fields(resize, images)


def build_pyramid(
    images: Sequence[NamedImage],
    grids: GridHierarchy,
    restriction: ImageRestriction = "averaging",
    bad_images: BadImages = "refuse",
    *,
    pairs: bool = False,
    scale: int = 2,
    memory: float = 4 * GIBIBYTE,
    cache_dir: str | Path = "results/cache",
    progress: bool = False,
) -> Pyramid:
    """Opens images and restricts them to every level, many at once.

    Args:
        images: at least one of them must be usable.
        grids: cells in the plane, of which both axes are coarsened; the finest level's shape is the
            size of the crops.
        restriction: by which the task's images are restricted; see `telegrad.mge.restriction`.
        bad_images: what to do with an image that can't be read or is smaller than a crop: `refuse`
            raises an error that names it, `skip` warns with its name and goes on.
        pairs: whether the images' low-resolution companions are wanted, where they have them.
        scale: how many times larger than these the images are, a side.
        memory: bytes that the images may take, 4/3 of their own size. If they take more, all of
            them go to disk, and the system keeps in memory what it has room for. Crops are the
            same, bit by bit.
        cache_dir: a folder for what goes to disk. It stays there for the next run, until an image
            changes.
        progress: whether to show a progress bar.

    Raises:
        OSError: for an unreadable image, if `bad_images` is `refuse`; or if the images can't be
            written to disk.
        ValueError: for an image smaller than a crop, or a pair whose sizes don't match, likewise;
            if no image is left; or for grids that images don't lie on, or less than no memory.
    """
    if restriction not in get_args(ImageRestriction) or bad_images not in get_args(BadImages):
        raise ValueError(
            f"build_pyramid: restriction={restriction!r}, bad_images={bad_images!r}; needs one of "
            f"{get_args(ImageRestriction)} and one of {get_args(BadImages)}."
        )
    check_memory("build_pyramid", memory)
    if grids.nodes or grids.blocks != (2, 2):
        kind = "nodes" if grids.nodes else f"blocks of {sized(grids.blocks)}"
        raise ValueError(
            f"build_pyramid: grids of {sized(grids.finest)} with {kind}; images lie in cells of "
            f"the plane: needs GridHierarchy((height, width), levels), without nodes and fixed."
        )
    if not images:
        raise ValueError("build_pyramid: no images; needs one or more.")
    pairs = pairs and all(image.low for image in images)
    if pairs and any(n % scale for n in grids.shape(0)):
        raise ValueError(
            f"build_pyramid: pairs of scale {scale} on a coarsest level of "
            f"{sized(grids.shape(0))}; needs a size that can be divided by {scale} there, or fewer "
            f"levels."
        )
    coarsening = Coarsening(grids, restriction, scale if pairs else None)
    place = CachePlace(Path(cache_dir), images, coarsening, bad_images)
    held: Sequence[Levels]
    skipped: Sequence[str]
    cached = place.find()
    if cached is not None and cached.nbytes > memory:
        held, skipped = cached, cached.skipped
    else:
        held, skipped = _read(images, coarsening, bad_images, memory, place, progress)
    for what in skipped:
        warnings.warn(f"skipped {what}", stacklevel=2)
    if not held:
        raise ValueError(f"none of {len(images)} images can be used; the warnings above say why.")
    return Pyramid(grids, held, restriction, stride=scale if pairs else 1)


def check_memory(caller: str, memory: float) -> None:
    """Raises ValueError unless it is a number of at least 0, be it infinite."""
    if not (memory == math.inf or (is_number(memory) and memory >= 0)):
        raise ValueError(f"{caller}: memory={memory!r}; needs a number of at least 0.")


def _read(
    images: Sequence[NamedImage],
    coarsening: Coarsening,
    bad_images: BadImages,
    memory: float,
    place: CachePlace,
    progress: bool,
) -> tuple[Sequence[Levels], Sequence[str]]:
    """The usable images, in memory or else in the cache, and what is wrong with the others."""
    held: list[Levels] = []
    skipped: list[str] = []
    used = 0

    def usable() -> Generator[Levels]:
        with closing(levels_of(images, coarsening, progress)) as all_of_them:
            for result in all_of_them:
                if isinstance(result, dict):
                    yield result
                elif bad_images == "skip":
                    skipped.append(str(result))
                else:
                    error = OSError if isinstance(result, OSError) else ValueError
                    raise error(f"{result}. Mend or remove it, or use bad_images=skip.") from result

    with closing(usable()) as rest:
        for levels in rest:
            held.append(levels)
            used += number_of_bytes(levels)
            if used > memory:
                cached = place.fill(chain(held, rest), skipped)
                return cached, cached.skipped
    return held, skipped
