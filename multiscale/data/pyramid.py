"""Images on every level: crops of a level are read from that level, at that level's cost."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from multiscale.data.images import Pixels
from multiscale.data.sources import NamedImage
from multiscale.grids import RESTRICTIONS, GridHierarchy

BadImages = Literal["refuse", "skip"]
ImageRestriction = Literal["averaging", "injection"]


@dataclass(frozen=True)
class Pyramid:
    """Each image on each level, as uint8 in memory: 4/3 of the images' own size.

    A crop of a coarse level is, up to rounding, what restricting the crop of the finest level
    gives: images are coarsened by the same rule, and trimmed to multiples of the coarsest mesh
    width so that the 2×2 blocks of all levels nest. The telescoping sum needs this: the samples
    that begin on a coarse level must be distributed as those restricted to it.

    Attributes:
        grids: the crops' shapes on each level.
        images: images[k][l] is image k on level l, (height, width, 3).
    """

    grids: GridHierarchy
    images: tuple[tuple[Pixels, ...], ...]

    def corners(self, image: int) -> tuple[int, int]:
        """How many crop corners there are, down and across, in steps of the coarsest mesh."""
        coarsest = self.images[image][0]
        height, width = self.grids.shape(0)
        return coarsest.shape[0] - height + 1, coarsest.shape[1] - width + 1

    def crop(self, image: int, corner: tuple[int, int], level: int) -> Pixels:
        """The crop at `corner`, given in pixels of the coarsest level, as it is on `level`."""
        top, left = corner[0] << level, corner[1] << level
        height, width = self.grids.shape(level)
        return self.images[image][level][top : top + height, left : left + width]


def build_pyramid(
    images: Sequence[NamedImage],
    grids: GridHierarchy,
    restriction: ImageRestriction = "averaging",
    bad_images: BadImages = "refuse",
    progress: bool = False,
) -> Pyramid:
    """Opens images and restricts them to every level.

    Args:
        images: at least one of them must be usable.
        grids: the finest level's shape is the size of the crops.
        restriction: the rule by which the task restricts its images; see `multiscale.grids`.
        bad_images: what to do with an image that can't be read or is smaller than a crop: `refuse`
            raises an error that names it, `skip` warns with its name and goes on.
        progress: whether to show a progress bar.

    Raises:
        OSError: for an unreadable image, if `bad_images` is `refuse`.
        ValueError: for an image smaller than a crop, likewise; and if no image is left.
    """
    pyramids = []
    for image in tqdm(images, desc="reading images", unit="", disable=not progress, leave=False):
        try:
            pyramids.append(_on_every_level(image.name, image.open(), grids, restriction))
        except (OSError, ValueError) as error:
            if bad_images == "refuse":
                raise type(error)(f"{error}. Mend or remove it, or use bad_images=skip.") from error
            warnings.warn(f"skipped {error}", stacklevel=2)
    if not pyramids:
        raise ValueError(f"none of {len(images)} images can be used; the warnings above say why.")
    return Pyramid(grids, tuple(pyramids))


def _on_every_level(
    name: str, pixels: Pixels, grids: GridHierarchy, restriction: ImageRestriction
) -> tuple[Pixels, ...]:
    height, width = grids.finest
    if pixels.shape[0] < height or pixels.shape[1] < width:
        raise ValueError(
            f"{name}: {pixels.shape[0]}×{pixels.shape[1]} pixels, smaller than the crop of "
            f"{height}×{width}"
        )
    block = 2 ** (grids.levels - 1)
    trimmed = pixels[: pixels.shape[0] // block * block, : pixels.shape[1] // block * block]
    exact = torch.from_numpy(trimmed.astype(np.float32)).movedim(-1, 0)
    levels = []
    for level in reversed(range(grids.levels)):
        levels.append(exact.round().byte().movedim(0, -1).contiguous().numpy())
        exact = RESTRICTIONS[restriction](exact) if level else exact
    return tuple(reversed(levels))
