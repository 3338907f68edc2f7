"""An image on every level, as uint8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from telegrad.data.image_files import Pixels
from telegrad.data.source import NamedImage
from telegrad.mge.grids import GridHierarchy

ImageRestriction = Literal["averaging", "injection"]

Levels = dict[str, tuple[Pixels, ...]]
"""An image's fields on every level, coarsest first: `clean`, and `low`, its companion."""


@dataclass(frozen=True)
class Coarsening:
    """How an image comes to be on every level.

    Attributes:
        grids: how many levels; images smaller than the finest shape are refused.
        restriction: by which the task's images are restricted; see `telegrad.mge.restriction`.
        scale: how many times larger an image is than its low-resolution companion, a side; None
            if that is not wanted.
    """

    grids: GridHierarchy
    restriction: ImageRestriction = "averaging"
    scale: int | None = None

    @property
    def block(self) -> int:
        """Heights and widths are trimmed to multiples of this number of pixels."""
        return 2 ** (self.grids.levels - 1) * (self.scale or 1)

    def read(self, image: NamedImage) -> Levels:
        """The image on every level, trimmed to whole blocks.

        Raises:
            OSError: if it can't be read.
            ValueError: if it is smaller than a crop, no RGB image of 8 bits, or of another size
                than its companion asks for.
        """
        pixels = image.open()
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(
                f"{image.name}: pixels of shape {pixels.shape} and type {pixels.dtype}, not "
                f"(height, width, 3) of uint8"
            )
        (height, width), (least_height, least_width) = pixels.shape[:2], self.grids.finest
        if height < least_height or width < least_width:
            raise ValueError(
                f"{image.name}: {height}×{width} pixels, smaller than the crop of "
                f"{least_height}×{least_width}"
            )
        fields = {"clean": pixels}
        if self.scale:
            assert image.low is not None
            fields["low"] = image.low()
            low_height, low_width = fields["low"].shape[:2]
            if (height, width) != (self.scale * low_height, self.scale * low_width):
                raise ValueError(
                    f"{image.name}: high resolution {height}×{width}, low resolution "
                    f"{low_height}×{low_width}; a pair's sizes must be as {self.scale} to 1"
                )
        height, width = height // self.block * self.block, width // self.block * self.block
        trimmed = {"clean": fields["clean"][:height, :width]}
        if self.scale:
            trimmed["low"] = fields["low"][: height // self.scale, : width // self.scale]
        return {name: self._on_every_level(pixels) for name, pixels in trimmed.items()}

    def _on_every_level(self, pixels: Pixels) -> tuple[Pixels, ...]:
        """Coarsest first; rounded once on each."""
        exact, finest_first = pixels.astype(np.float32), [pixels.copy()]
        for _ in range(self.grids.levels - 1):
            exact = _COARSER[self.restriction](exact)
            finest_first.append(np.rint(exact).astype(np.uint8))
        return tuple(reversed(finest_first))


def number_of_bytes(levels: Levels) -> int:
    return sum(pixels.nbytes for field in levels.values() for pixels in field)


def _averaging(u: np.ndarray) -> np.ndarray:
    """As `mge.restriction.averaging`, of (h, w, c), on one thread: many images are read at once."""
    return (u[::2, ::2] + u[1::2, ::2] + u[::2, 1::2] + u[1::2, 1::2]) / np.float32(4)


def _injection(u: np.ndarray) -> np.ndarray:
    """As `mge.restriction.injection`, of (h, w, c)."""
    return u[::2, ::2]


_COARSER = {"averaging": _averaging, "injection": _injection}
