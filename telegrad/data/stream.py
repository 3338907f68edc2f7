"""An endless, seeded, resumable stream of random crops, each on the level where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.data.image_files import Pixels
from telegrad.data.pyramid import Pyramid
from telegrad.mge.batches import map_fields
from telegrad.mge.numbers import is_whole

Crops = dict[str, Tensor]
"""uint8 (n, 3, h, w) by field: `clean`, and `low` (n, 3, h/2, w/2) where the images are pairs."""


@dataclass
class CropStream:
    """Random crops, mirrored half of the time; each image serves once before any serves again.

    All that the stream remembers is `position`, the number of crops taken so far: setting it is
    resuming. The order of the images depends on (seed, round), the corners on (seed, position), so
    changing batch sizes never restarts anything.

    Args:
        pyramid: the images.
        seed: of the stream.
        position: crops taken so far.
    """

    pyramid: Pyramid
    seed: int
    position: int = 0

    def take(
        self,
        numbers: Sequence[int],
        first_level: int = 0,
        rank: int = 0,
        world: int = 1,
        patches: float = 0.0,
    ) -> list[Crops | None]:
        """The next crops, `numbers[k]` of them on level `first_level + k`; None where that is 0.

        The part `patches` of them, in [0, 1], evenly spread, have that level's shape but show the
        finest level's pixels. Of several processes that share the stream, each passes the same
        numbers and gets its own part: every `world`-th crop of each level, from the `rank`-th on.

        Returns:
            coarsest level first; tensors in channels-last memory.
        """
        levels = self.pyramid.grids.levels
        if not all(is_whole(n) and n >= 0 for n in numbers):
            raise ValueError(
                f"CropStream.take: numbers={tuple(numbers)}; needs whole numbers of at least 0, "
                f"one a level."
            )
        if not 0 <= first_level <= levels - len(numbers) or not 0 <= rank < world:
            raise ValueError(
                f"CropStream.take: {len(numbers)} numbers from level {first_level} on, rank={rank} "
                f"of world={world}; needs levels in 0 … {levels - 1} and a rank below world."
            )
        if not 0 <= patches <= 1:
            raise ValueError(f"CropStream.take: patches={patches}; needs a part in [0, 1].")
        total = sum(numbers)
        draw = np.random.default_rng((self.seed, 0, self.position))
        places, mirrored = draw.random((total, 2)), draw.random(total) < 0.5
        patches_until = np.floor(patches * np.arange(self.position, self.position + total + 1))
        is_patch = np.diff(patches_until) > 0
        images = self._next_images(total)
        parts: list[Crops | None] = []
        start = 0
        for level, n in enumerate(numbers, first_level):
            crops = [
                _mirrored(self.pyramid.crop(images[k], places[k], level, is_patch[k]), mirrored[k])
                for k in range(start + rank, start + n, world)
            ]
            parts.append(_stacked(crops) if crops else None)
            start += n
        self.position += total
        return parts

    def _next_images(self, number: int) -> list[int]:
        """Indices of the next images: a fresh random order in each round over all of them."""
        images = len(self.pyramid.images)
        chosen: list[int] = []
        position = self.position
        while len(chosen) < number:
            order = _order(self.seed, position // images, images)
            within = position % images
            taken = order[within : within + number - len(chosen)].tolist()
            chosen += taken
            position += len(taken)
        return chosen


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, images: int) -> np.ndarray:
    return np.random.default_rng((seed, 1, turn)).permutation(images)


def to_images(crops: Crops) -> dict[str, Tensor]:
    """uint8 pixels as images in [−1, 1], float32."""
    return map_fields(lambda _, pixels: pixels.float() / 127.5 - 1, crops)


def resized(images: dict[str, Tensor], shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Images (n, 3, h, w) of that height and width, bilinear with antialiasing; `low` of half."""
    height, width = images["clean"].shape[-2:]

    def resize(_: str, image: Tensor) -> Tensor:
        h, w = image.shape[-2:]
        part = shape[0] * h // height, shape[1] * w // width
        return F.interpolate(image, part, mode="bilinear", antialias=True)

    return map_fields(resize, images)


def grid_of_crops(pyramid: Pyramid, number: int) -> Crops:
    """`number` crops on the finest level, spread evenly over all images, the same every time."""
    images = len(pyramid.images)
    crops = []
    for k in range(number):
        image, nth, of = k % images, k // images, -(-number // images)
        side = int(np.ceil(np.sqrt(of)))
        place = [(position + 0.5) / side for position in divmod(nth, side)]
        crops.append(pyramid.crop(image, place, pyramid.grids.levels - 1))
    return _stacked(crops)


def _mirrored(crop: dict[str, Pixels], mirrored: bool) -> dict[str, Pixels]:
    return {name: pixels[:, ::-1] for name, pixels in crop.items()} if mirrored else crop


def _stacked(crops: Sequence[dict[str, Pixels]]) -> Crops:
    return {
        field: torch.from_numpy(np.stack([crop[field] for crop in crops])).permute(0, 3, 1, 2)
        for field in crops[0]
    }
