"""Frames as Pillow reads them, as straight 8 or 16 bits; and the colors that they are in."""

from __future__ import annotations

import math
import re

import numpy as np
from PIL import Image, ImageFile

from telegrad.data.color_profiles import CONVERTED, as_srgb
from telegrad.data.image_content import Frame
from telegrad.data.orientation import exif_of
from telegrad.data.sample_values import as_samples

GREY = ("1", "L", "LA", "La")
FULL = 65535


def frame_of(image: Image.Image, bits: int | None = None) -> tuple[Frame, str]:
    """The samples of the frame that `image` is at, and a note if its colors were converted.

    Args:
        image: at a frame.
        bits: of each sample, where Pillow's mode has more.

    Raises:
        ValueError, OSError: if they can't be.
    """
    note = ""
    if isinstance(image, ImageFile.ImageFile) and _levels_of_ppm(image) > 255:
        return _deep_ppm(image), note
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        bits = 16 if image.mode == "I" else bits  # as PNG and PGM are read
        frame = as_samples(values, bits)[..., None]
        hidden = image.info.get("transparency")
        if isinstance(hidden, int):
            alpha = np.where(frame == hidden, 0, FULL).astype(np.uint16)
            frame = np.concatenate([frame, alpha], axis=2)
        return frame, note
    if image.mode in CONVERTED:
        image, note = as_srgb(image)
    bands = {band.upper() for band in image.getbands()}
    see_through = "A" in bands or "transparency" in image.info
    grey = image.mode in GREY
    if image.mode == "La":
        image = image.convert("LA")
    if grey:
        image = image.convert("LA" if see_through else "L")
    else:
        image = image.convert("RGBA" if see_through else "RGB")
    values = np.asarray(image)
    return (values if values.ndim == 3 else values[..., None]), note


def _levels_of_ppm(image: ImageFile.ImageFile) -> int:
    """The largest value of a PPM in color that is not decoded yet; 255 of all else."""
    if image.format != "PPM" or image.mode != "RGB":
        return 255
    args = image.tile[0].args if image.tile else 0
    last = args[-1] if isinstance(args, tuple) else args
    return last if isinstance(last, int) else 255


def _deep_ppm(image: ImageFile.ImageFile) -> Frame:
    """A PPM of 16 bits, which Pillow reads as 8."""
    tile, levels = image.tile[0], _levels_of_ppm(image)
    if tile.codec_name != "ppm":
        raise ValueError("a PPM of 16 bits in plain text; needs one in bytes")
    assert image.fp is not None
    image.fp.seek(tile.offset)
    shape = (image.height, image.width, 3)
    content = image.fp.read(2 * math.prod(shape))
    values = np.frombuffer(content, ">u2").reshape(shape).astype(np.uint16)
    if levels == FULL:
        return values
    return (values / levels * FULL).round().clip(0, FULL).astype(np.uint16)


def orientation_of(image: Image.Image) -> int:
    """1 … 8: how the image is to be turned, read from metadata that may be broken elsewhere."""
    content = image.info.get("exif")
    if isinstance(content, bytes) and content:
        exif = exif_of(content)
        if exif is not None and exif.orientation != 1:
            return exif.orientation
    elif image.format == "PNG" and "Raw profile type exif" in image.info:
        try:
            value = image.getexif().get(0x0112, 1)
        except Exception:  # whatever is wrong with it, it says nothing
            value = 1
        return value if value in range(1, 9) else 1
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = xmp if isinstance(xmp, str) else bytes(xmp).decode("utf-8", "replace")
    match = re.search(r'tiff:Orientation(?:="|>)([1-8])', text)
    return int(match.group(1)) if match and not content else 1


def dpi_of(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch, where the image says so and it can be."""
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
