"""Whether an image file can be used, and why not."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from telegrad.data.image_files import read_rgb
from telegrad.data.pixel_limit import check_size, pillows_limit_lifted
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
        size = None if whole else _size_said(file, max_pixels)
        height, width = read_rgb(file, max_pixels).shape[:2] if size is None else size
    except Exception as error:  # a damaged file can fail in any way
        return f"{file}: {reason(error)}"
    if min(height, width) < crop:
        return f"{file}: {height}×{width} pixels, smaller than the crop of {crop}×{crop}"
    return None


def _size_said(file: Path, max_pixels: int | None) -> tuple[int, int] | None:
    """(height, width) as the header says; None if Pillow can't tell, which others may."""
    try:
        with pillows_limit_lifted(max_pixels is not None), Image.open(file) as image:
            width, height = image.size
    except UnidentifiedImageError:
        return None
    check_size(width, height, 1, max_pixels)
    return height, width
