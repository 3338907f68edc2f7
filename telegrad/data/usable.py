"""Whether an image file can be used, and why not."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from telegrad.data.image_files import read_rgb
from telegrad.errors import reason


def fault(file: Path, crop: int, max_pixels: int | None, whole: bool) -> str | None:
    """What is wrong with an image file, in a line that names it; None if nothing is.

    Args:
        file: an image.
        crop: least height and width, in pixels.
        max_pixels: that its header may announce; twice Pillow's limit if not given.
        whole: whether it is read, or its header alone.
    """
    try:
        if whole:
            height, width = read_rgb(file, max_pixels).shape[:2]
        else:
            with Image.open(file) as image:
                width, height = image.size
    except Exception as error:  # a damaged file can fail in any way
        return f"{file}: {reason(error)}"
    if min(height, width) < crop:
        return f"{file}: {height}×{width} pixels, smaller than the crop of {crop}×{crop}"
    return None
