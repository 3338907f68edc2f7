"""An endless, seeded, resumable stream of random crops, each on the level where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from multiscale.data.pyramid import Pyramid


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

    def take(self, numbers: Sequence[int], first_level: int = 0) -> list[Tensor | None]:
        """The next crops, `numbers[k]` of them on level `first_level + k`; None where that is 0.

        Returns:
            uint8 tensors of shape (n, 3, height, width) in channels-last memory, coarsest first.
        """
        total = sum(numbers)
        draw = np.random.default_rng((self.seed, 0, self.position))
        corners, mirrored = draw.random((total, 2)), draw.random(total) < 0.5
        images = self._next_images(total)
        parts: list[Tensor | None] = []
        start = 0
        for level, n in enumerate(numbers, first_level):
            rows = range(start, start + n)
            parts.append(
                self._batch([(images[k], corners[k], mirrored[k]) for k in rows], level)
                if n
                else None
            )
            start += n
        self.position += total
        return parts

    def _batch(self, crops: list[tuple[int, np.ndarray, bool]], level: int) -> Tensor:
        pixels = np.empty((len(crops), *self.pyramid.grids.shape(level), 3), np.uint8)
        for k, (image, where, mirrored) in enumerate(crops):
            down, across = (where * self.pyramid.corners(image)).astype(int)
            crop = self.pyramid.crop(image, (down, across), level)
            pixels[k] = crop[:, ::-1] if mirrored else crop
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _next_images(self, number: int) -> list[int]:
        """Indices of the next images: a fresh random order in each round over all of them."""
        images = len(self.pyramid.images)
        chosen: list[int] = []
        position = self.position
        while len(chosen) < number:
            order = np.random.default_rng((self.seed, 1, position // images)).permutation(images)
            within = position % images
            taken = order[within : within + number - len(chosen)].tolist()
            chosen += taken
            position += len(taken)
        return chosen


def to_images(pixels: Tensor) -> Tensor:
    """uint8 pixels (n, 3, h, w) as images in [−1, 1], float32."""
    return pixels.float() / 127.5 - 1


def grid_of_crops(pyramid: Pyramid, number: int) -> Tensor:
    """`number` crops on the finest level, spread evenly over all images, the same ones every time.

    Returns:
        uint8, (number, 3, height, width).
    """
    images = len(pyramid.images)
    crops = []
    for k in range(number):
        image, nth, of = k % images, k // images, -(-number // images)
        side = int(np.ceil(np.sqrt(of)))
        down, across = (
            int((place + 0.5) / side * corners)
            for place, corners in zip(divmod(nth, side), pyramid.corners(image), strict=True)
        )
        crops.append(pyramid.crop(image, (down, across), pyramid.grids.levels - 1))
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
