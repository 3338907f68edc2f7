"""How many pixels an image may have, by what its header says, before anything is decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

WAY_OUT = (
    "If it is to be trusted, take a smaller copy of it, or lift the limit: max_pixels, in training "
    "--data.max_pixels"
)

_lock = threading.Lock()
_readers = 0
_pillows: int | None = None


def limit_of(max_pixels: int | None) -> int | None:
    """The limit: `max_pixels`, or Pillow's; None if there is none."""
    if max_pixels is not None:
        return max_pixels
    pillows = _pillows if _readers else Image.MAX_IMAGE_PIXELS
    return None if pillows is None else 2 * pillows


def check_size(width: int, height: int, frames: int, max_pixels: int | None) -> None:
    """Raises ValueError for an image with no pixels, or with more than are allowed, all frames."""
    if width < 1 or height < 1:
        raise ValueError(f"{width}×{height} pixels")
    limit = limit_of(max_pixels)
    if limit is not None and width * height * frames > limit:
        said = f"{width}×{height} pixels" + (f", {frames} times" if frames > 1 else "")
        raise ValueError(f"its header says {said}, more than {limit:,} in all. {WAY_OUT}")


@contextmanager
def pillows_limit_lifted(lifted: bool) -> Iterator[None]:
    """Pillow's limit is a global: lifted while any thread needs that, then put back."""
    global _readers, _pillows
    if not lifted:
        yield
        return
    with _lock:
        if not _readers:
            _pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if not _readers:
                Image.MAX_IMAGE_PIXELS = _pillows
