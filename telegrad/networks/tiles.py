"""A function of images, such as a network, applied in tiles that are blended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.calling import Call
from telegrad.networks.needs import Needs, needs_of

LARGEST_TILE = 512
"""Height and width in pixels that a network sees at once, where nothing is said."""


@dataclass(frozen=True)
class Tiled:
    """A network for images of any size.

    Attributes:
        network: in evaluation mode.
        call: how its task calls it.
        crop: height and width in pixels of the images that it was trained to make.
    """

    network: nn.Module
    call: Call
    crop: int

    @property
    def tile(self) -> int:
        """Side in pixels of what the network sees at once of a larger image.

        The size of training's crops for a network with global statistics, such as the U-Net, which
        restores larger pieces worse (`benchmarks/results/tiles.md`).
        """
        given = self.crop // self.call.enlarges
        return LARGEST_TILE if self.needs.local else min(given, LARGEST_TILE)

    @property
    def needs(self) -> Needs:
        """What its network needs of the sizes of images."""
        return needs_of(self.network, self.call)

    def __call__(
        self, images: Tensor, second: Tensor | None = None, tile: int | None = None
    ) -> Tensor:
        """What the network makes of images, in tiles that are blended.

        Args:
            images: (n, c, h, w) as the task gives them to it.
            second: (n,), what it is given beside them, if the task has that.
            tile: largest height and width that it sees at once, in pixels; its own if not given.
        """

        def network(x: Tensor) -> Tensor:
            out: Tensor = self.network(x) if second is None else self.network(x, second)
            return out

        needs, scale = self.needs, self.call.enlarges
        return in_tiles(
            network, images, tile or self.tile, needs.divisor, scale, smallest=needs.smallest
        )


def in_tiles(
    function: Callable[[Tensor], Tensor],
    images: Tensor,
    tile: int,
    divisor: int = 1,
    scale: int = 1,
    smallest: int = 1,
) -> Tensor:
    """`function` of images (n, c, h, w) → (n, c, s·h, s·w), in tiles of at most `tile` pixels.

    Neighbouring tiles overlap by an eighth of their side, but 32 pixels where they can, and are
    blended there by a linear ramp. For a function that looks at most 8 pixels around, the result is
    that of the whole image; one with global statistics, such as the U-Net's group normalization and
    attention, sees a tile as an image of its own. Images are continued by reflection to sizes that
    `divisor` divides, of `smallest` pixels or more.
    """
    height, width = images.shape[-2:]
    smallest = -(-smallest // divisor) * divisor
    tile = max(tile // divisor * divisor, divisor, smallest)
    overlap = max(tile // 8, min(tile // 2, 32))
    s = scale
    total = images.new_zeros(*images.shape[:2], s * height, s * width)
    weight = images.new_zeros(1, 1, s * height, s * width)
    for top in _starts(height, tile, overlap):
        for left in _starts(width, tile, overlap):
            part = images[..., top : top + tile, left : left + tile]
            h, w = part.shape[-2:]
            out = function(_padded(part, divisor, smallest))[..., : s * h, : s * w]
            down = _ramp(s * top, s * h, s * height, s * overlap, images)
            across = _ramp(s * left, s * w, s * width, s * overlap, images)
            ramp = down[:, None] * across
            rows, columns = slice(s * top, s * (top + h)), slice(s * left, s * (left + w))
            total[..., rows, columns] += ramp * out
            weight[..., rows, columns] += ramp
    return total / weight


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin so that they cover `length`, the last one flush with its end."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def _ramp(start: int, length: int, whole: int, overlap: int, like: Tensor) -> Tensor:
    """Weights along a tile of `length` pixels that begins at `start` of `whole`.

    Towards a neighbour they rise from 0 to 1 over the overlap. Its outer quarter, where a tile
    misses its surroundings, weighs nothing.
    """
    place = torch.arange(length, device=like.device, dtype=like.dtype) + 0.5
    from_start = place if start > 0 else torch.full_like(place, torch.inf)
    from_end = length - place if start + length < whole else torch.full_like(place, torch.inf)
    inside = torch.minimum(from_start, from_end)
    return ((inside - overlap / 4) / (overlap / 2)).clamp(0, 1)


def _padded(images: Tensor, divisor: int, smallest: int) -> Tensor:
    """Continued below and to the right, by reflection, to a multiple of `divisor` or `smallest`."""
    height, width = images.shape[-2:]
    below, right = (max(-n % divisor, smallest - n) for n in (height, width))
    if not (below or right):
        return images
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)
