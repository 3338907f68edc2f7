"""Images on every level: crops of a level are read from that level, at that level's cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from tqdm import tqdm

from multiscale.data.images import Pixels
from multiscale.data.sources import NamedImage
from multiscale.grids import RESTRICTIONS, GridHierarchy

BadImages = Literal["refuse", "skip"]
ImageRestriction = Literal["averaging", "injection"]

Levels = dict[str, tuple[Pixels, ...]]
"""An image's fields on every level, coarsest first: `clean`, and `low` of half the size."""

GIBIBYTE = 2**30


@dataclass(frozen=True)
class Pyramid:
    """Each image on each level, as uint8.

    A crop of a coarse level is, up to rounding, what restricting the crop of the finest level
    gives: images are coarsened by the same rule, and trimmed to multiples of the coarsest mesh
    width so that the 2×2 blocks of all levels nest. The telescoping sum needs this: the samples
    that begin on a coarse level must be distributed as those restricted to it.

    Attributes:
        grids: the crops' shapes on each level.
        images: each image's levels in memory, or a function that reads them from disk.
        stride: crops begin at multiples of it, in pixels of the coarsest level (patches: of the
            finest); 2 for pairs, whose low-resolution image has half of these pixels, else 1.
    """

    grids: GridHierarchy
    images: Sequence[Levels | Callable[[], Levels]]
    stride: int = 1

    def crop(
        self, image: int, place: Sequence[float], level: int, patch: bool = False
    ) -> dict[str, Pixels]:
        """A crop as it is on `level`, each of its fields; or a patch of the finest level.

        Args:
            image: which.
            place: down and across, in [0, 1); every possible corner has an equal part of it.
            level: 0 is the coarsest.
            patch: whether it only has that level's shape, and the finest level's pixels.
        """
        stored = self.images[image]
        levels = stored() if callable(stored) else stored
        height, width = self.grids.shape(level)
        corners, level = (self.grids.levels - 1, self.grids.levels - 1) if patch else (0, level)
        whole = levels["clean"][corners].shape[:2]
        part = (height, width) if patch else self.grids.shape(0)
        top, left = (
            int(p * ((w - n) // self.stride + 1)) * self.stride << (level - corners)
            for p, w, n in zip(place, whole, part, strict=True)
        )
        crop = {"clean": levels["clean"][level][top : top + height, left : left + width]}
        if "low" in levels:
            down, across = (
                slice(top // 2, (top + height) // 2),
                slice(left // 2, (left + width) // 2),
            )
            crop["low"] = levels["low"][level][down, across]
        return crop


def build_pyramid(
    images: Sequence[NamedImage],
    grids: GridHierarchy,
    restriction: ImageRestriction = "averaging",
    bad_images: BadImages = "refuse",
    *,
    pairs: bool = False,
    memory: float = 4 * GIBIBYTE,
    progress: bool = False,
) -> Pyramid:
    """Opens images and restricts them to every level.

    Args:
        images: at least one of them must be usable.
        grids: the finest level's shape is the size of the crops.
        restriction: the rule by which the task restricts its images; see `multiscale.grids`.
        bad_images: what to do with an image that can't be read or is smaller than a crop: `refuse`
            raises an error that names it, `skip` warns with its name and goes on.
        pairs: whether the images' low-resolution companions are wanted, where they have them.
        memory: bytes that the images may take, 4/3 of their own size. Those that come after are
            read anew at each use; unless bad ones are skipped, these are looked at then only.
        progress: whether to show a progress bar.

    Raises:
        OSError: for an unreadable image, if `bad_images` is `refuse`.
        ValueError: for an image smaller than a crop, or a pair whose sizes don't match, likewise;
            and if no image is left.
    """
    if restriction not in get_args(ImageRestriction) or bad_images not in get_args(BadImages):
        raise ValueError(
            f"build_pyramid: restriction={restriction!r}, bad_images={bad_images!r}; needs one of "
            f"{get_args(ImageRestriction)} and one of {get_args(BadImages)}."
        )
    if not images:
        raise ValueError("build_pyramid: no images; needs one or more.")
    pairs = pairs and all(image.low for image in images)
    pyramids: list[Levels | Callable[[], Levels]] = []
    used = 0
    for image in tqdm(images, desc="reading images", unit="", disable=not progress, leave=False):
        read = partial(_on_every_level, image, grids, restriction, pairs)
        if used > memory and bad_images == "refuse":
            pyramids.append(read)
            continue
        try:
            levels = read()
        except (OSError, ValueError) as error:
            if bad_images == "refuse":
                raise type(error)(f"{error}. Mend or remove it, or use bad_images=skip.") from error
            warnings.warn(f"skipped {error}", stacklevel=2)
            continue
        used += sum(pixels.nbytes for field in levels.values() for pixels in field)
        pyramids.append(levels if used <= memory else read)
    if not pyramids:
        raise ValueError(f"none of {len(images)} images can be used; the warnings above say why.")
    return Pyramid(grids, pyramids, stride=2 if pairs else 1)


def _on_every_level(
    image: NamedImage, grids: GridHierarchy, restriction: ImageRestriction, pairs: bool
) -> Levels:
    fields = {"clean": image.open()}
    pixels = fields["clean"]
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"{image.name}: pixels of shape {pixels.shape} and type {pixels.dtype}, not "
            f"(height, width, 3) of uint8"
        )
    (height, width), (least_height, least_width) = fields["clean"].shape[:2], grids.finest
    if height < least_height or width < least_width:
        raise ValueError(
            f"{image.name}: {height}×{width} pixels, smaller than the crop of "
            f"{least_height}×{least_width}"
        )
    if pairs:
        assert image.low is not None
        fields["low"] = image.low()
        low_height, low_width = fields["low"].shape[:2]
        if (height, width) != (2 * low_height, 2 * low_width):
            raise ValueError(
                f"{image.name}: high resolution {height}×{width}, low resolution "
                f"{low_height}×{low_width}; a pair's sizes must be as 2 to 1"
            )
    block = 2 ** (grids.levels - 1) * (2 if pairs else 1)
    height, width = height // block * block, width // block * block
    if pairs:
        fields["low"] = fields["low"][: height // 2, : width // 2]
    fields["clean"] = fields["clean"][:height, :width]
    return {name: _restricted(pixels, grids.levels, restriction) for name, pixels in fields.items()}


def _restricted(pixels: Pixels, levels: int, restriction: ImageRestriction) -> tuple[Pixels, ...]:
    """Pixels on every level, coarsest first; rounded once on each."""
    exact = torch.from_numpy(pixels.astype(np.float32)).movedim(-1, 0)
    found = [pixels.copy()]
    for _ in range(levels - 1):
        exact = RESTRICTIONS[restriction](exact)
        found.append(exact.round().byte().movedim(0, -1).contiguous().numpy())
    return tuple(reversed(found))
