"""Writing an image file with all that it carries, in a format that can hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from telegrad.atomic import write_whole
from telegrad.data.image_content import ImageContent
from telegrad.data.png_files import write_png
from telegrad.data.tiff_files import is_tiff, number_of_pages, write_pages


def suffix_for(file: Path) -> str:
    """Of the format that can hold what the image file holds: pages in TIFF, all else in PNG."""
    try:
        return ".tif" if file.is_file() and is_tiff(file) and number_of_pages(file) > 1 else ".png"
    except (OSError, ValueError):  # it will be refused when it is read
        return ".png"


def write_image(file: Path, content: ImageContent) -> None:
    """Writes an image file, whole or not at all, in the format that its suffix says.

    PNG keeps a still picture or an animation, with all that it carries; TIFF keeps pages. Other
    formats get the first frame alone, if they can hold it.

    Raises:
        OSError: if it can't be written; what was there before is unchanged.
    """
    suffix = file.suffix.lower()
    if suffix == ".png":
        write_whole(file, lambda stream: write_png(stream, content))
    elif suffix in (".tif", ".tiff"):
        write_whole(file, lambda stream: write_pages(stream, content))
    else:
        frame = content.frames[0]
        image = Image.fromarray(np.squeeze(frame, 2) if frame.shape[-1] == 1 else frame)
        form = Image.registered_extensions()[suffix]
        write_whole(file, lambda stream: image.save(stream, format=form))
