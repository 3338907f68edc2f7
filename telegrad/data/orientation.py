"""Which side of a photograph is up: read from EXIF that may be broken elsewhere."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

TAG = 0x0112

EXIF_HEADER = b"Exif\0\0"
"""Before EXIF in a JPEG, and in what Pillow writes; a PNG has it without."""


@dataclass(frozen=True)
class Exif:
    """EXIF as bytes, of which only the orientation is understood.

    Attributes:
        orientation: 1 … 8; 1 if there is none that is valid.
        upright: the same bytes for the picture turned upright: orientation 1, no preview. None if
            they are damaged.
    """

    orientation: int
    upright: bytes | None


def exif_of(content: bytes) -> Exif | None:
    """What an image file has as EXIF; None if it is not a list of tags."""
    content = content.removeprefix(EXIF_HEADER)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        return None
    orientation, upright = 1, bytearray(content)
    try:
        (start,) = struct.unpack_from(f"{order}I", content, 4)
        (tags,) = struct.unpack_from(f"{order}H", content, start)
        for entry in range(start + 2, start + 2 + 12 * tags, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", content, entry)
            if tag == TAG and kind in (3, 4) and count == 1:
                form = order + ("H" if kind == 3 else "I")
                (value,) = struct.unpack_from(form, content, entry + 8)
                orientation = value if 1 <= value <= 8 else 1
                struct.pack_into(form, upright, entry + 8, 1)
        struct.pack_into(f"{order}I", upright, start + 2 + 12 * tags, 0)
    except struct.error:  # it ends too soon: what was found until there counts
        return Exif(orientation, None)
    return Exif(orientation, bytes(upright))


def turned_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """The array (h, w, …) as it is to be seen."""
    if orientation == 2:
        return image[:, ::-1]
    if orientation == 3:
        return image[::-1, ::-1]
    if orientation == 4:
        return image[::-1]
    if orientation == 5:
        return image.swapaxes(0, 1)
    if orientation == 6:
        return np.rot90(image, -1)
    if orientation == 7:
        return image[::-1, ::-1].swapaxes(0, 1)
    if orientation == 8:
        return np.rot90(image)
    return image
