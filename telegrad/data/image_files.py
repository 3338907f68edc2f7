"""Image files: reading any of them as RGB or as it is, writing a restored one as it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from telegrad.data.image_content import ImageContent
from telegrad.data.image_reading import read_image
from telegrad.data.image_writing import write_image
from telegrad.data.picture import Picture, frame_like, picture_of, visible_colors

__all__ = [
    "Picture",
    "Pixels",
    "read_picture",
    "read_rgb",
    "write_picture",
]

Pixels = np.ndarray
"""An RGB image, uint8, shape (height, width, 3)."""


def read_picture(file: str | Path, max_pixels: int | None = None) -> Picture:
    """An image file's first picture, in any mode, upright.

    Raises:
        OSError: as `read_image`.
    """
    return picture_of(read_image(file, max_pixels, first_only=True).frames[0])


def write_picture(file: Path, rgb: Tensor, like: Picture) -> None:
    """Writes (3, h, w) in [−1, 1] as grey or color, with alpha and depth, as `like` came.

    Alpha is resized where `rgb` has another size. The suffix of `file` says the format; it must be
    one that keeps what is written, such as PNG.

    Raises:
        OSError: if it can't be written; what was there before is unchanged.
    """
    write_image(file, ImageContent((frame_like(rgb, like),)))


def read_rgb(file: str | Path, max_pixels: int | None = None) -> Pixels:
    """An image file's first picture as RGB of 8 bits, upright.

    Of 16 bits, the nearest of 8 are taken. Fully transparent pixels have the color of the nearest
    one that is not.

    Args:
        file: an image.
        max_pixels: that its header may announce; Pillow's limit if not given.

    Raises:
        OSError: as `read_image`.
    """
    colors = visible_colors(read_image(file, max_pixels, first_only=True).frames[0])
    if colors.dtype == np.uint16:
        colors = (colors / 257).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))
