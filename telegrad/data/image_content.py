"""What an image file holds: frames, and what says how they are to be seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Frame = np.ndarray
"""Samples (h, w, c), uint8 or uint16, upright: grey, grey and alpha, RGB or RGBA. Alpha is not
multiplied in."""


@dataclass(frozen=True)
class Animation:
    """How frames follow each other.

    Attributes:
        milliseconds: that each frame is shown.
        loop: how often all are shown; 0 for ever.
        still_first: whether the first frame is only for viewers that can't show the others.
    """

    milliseconds: tuple[float, ...]
    loop: int = 0
    still_first: bool = False


@dataclass(frozen=True)
class Carried:
    """What an image file carries besides pixels.

    Attributes:
        profile: ICC profile of the frames' colors.
        dpi: resolution, horizontal and vertical, in pixels per inch.
        exif: tags, without header, for a picture that is upright.
        chunks: of a PNG, on colors and texts, as they are.
        words: texts of a TIFF, by tag.
    """

    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    words: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageContent:
    """An image file's frames and what it carries.

    Attributes:
        frames: one; or the pages of a TIFF; or those of `animation`.
        carried: besides pixels.
        animation: how the frames follow each other, if they do.
        notes: what it carries that could not be kept, a sentence each.
        left_out: pictures of it that are not in `frames`, in words.
    """

    frames: tuple[Frame, ...]
    carried: Carried = Carried()
    animation: Animation | None = None
    notes: tuple[str, ...] = ()
    left_out: str = ""


def with_channels(frame: Frame, channels: int) -> Frame:
    """The same picture with more channels: grey as RGB, opaque as RGBA."""
    colors, alpha = (frame[..., :-1], frame[..., -1:]) if is_see_through(frame) else (frame, None)
    if channels >= 3 and colors.shape[-1] == 1:
        colors = colors.repeat(3, axis=2)
    if channels in (2, 4):
        if alpha is None:
            alpha = np.full_like(colors[..., :1], np.iinfo(frame.dtype).max)
        colors = np.concatenate([colors, alpha], axis=2)
    return colors


def is_see_through(frame: Frame) -> bool:
    """Whether the last channel is alpha."""
    return frame.shape[-1] in (2, 4)
