"""PNG, as Pillow can't read or write it: 16 bits of color, and every frame of an animation."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import IO, Any

import numpy as np
import png
from PIL import Image

from telegrad.data.image_content import (
    Animation,
    Carried,
    Frame,
    ImageContent,
    is_see_through,
    with_channels,
)

Chunk = tuple[bytes, bytes]

KEPT = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt"})
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, RGBA = 0, 2, 6


Opened = Callable[[], IO[bytes]]
"""Opens a file's content once more."""


def is_deep_color(opened: Opened) -> bool:
    """Whether it is a PNG of 16 bits that Pillow reads as 8: all but grey."""
    with opened() as stream:
        start = stream.read(26)
    return start.startswith(SIGNATURE) and start[24:25] == b"\x10" and start[25] != GREY


def transparent_grey(opened: Opened, value: int) -> int:
    """The transparent value of a grey PNG, stretched to 8 bits as Pillow does its pixels."""
    with opened() as stream:
        start = stream.read(26)
    depth = start[24] if start.startswith(SIGNATURE) and start[25] == GREY else 8
    return value * 255 // (2**depth - 1) if depth in (2, 4) else value


def deep_samples(opened: Opened) -> Frame:
    """The samples of a PNG of 16 bits in color or with alpha; one color may be transparent.

    Raises:
        png.Error, OSError: if it is damaged.
    """
    with opened() as stream:
        color = stream.read(26)[25]
    with opened() as stream, Image.open(stream) as image:
        hidden = image.info.get("transparency")
        if getattr(image, "is_animated", False):
            raise ValueError("an animation of 16 bits; needs 8")
    if color not in (RGB, RGBA):
        return _by_pypng(opened)
    # Pillow keeps the high byte of each sample. The low one is the high one in the other order.
    high, low = (_one_byte(opened, order) for order in "BL")
    frame = high.astype(np.uint16) << 8 | low
    if isinstance(hidden, tuple):
        alpha = (frame != np.array(hidden, np.uint16)).any(-1, keepdims=True)
        frame = np.concatenate([frame, alpha.astype(np.uint16) * np.uint16(65535)], axis=2)
    return frame


def _one_byte(opened: Opened, order: str) -> np.ndarray:
    with opened() as stream, Image.open(stream) as image:
        image.tile = [tile._replace(args=f"{image.mode};16{order}") for tile in image.tile]
        return np.asarray(image)


def _by_pypng(opened: Opened) -> Frame:
    with opened() as stream:
        width, height, rows, info = png.Reader(file=stream).asDirect()
        values = np.vstack([np.frombuffer(row, np.uint16) for row in rows])
    return values.reshape(height, width, info["planes"])


def chunks_to_keep(opened: Opened) -> tuple[Chunk, ...]:
    """What a PNG says before its pixels on colors, and its texts, but for those of metadata."""
    found = []
    try:
        with opened() as stream:
            for kind, data in png.Reader(file=stream).chunks():
                if kind == b"IDAT":
                    break
                if kind in KEPT and not data.startswith((b"Raw profile", b"XML:com.adobe.xmp")):
                    found.append((bytes(kind), bytes(data)))
    except (png.Error, ValueError, struct.error):
        pass
    return tuple(found)


def write_png(stream: IO[bytes], content: ImageContent) -> None:
    """A still picture, or an animation with every frame."""
    colored = any(frame.shape[-1] >= 3 for frame in content.frames)
    channels = (3 if colored else 1) + any(is_see_through(frame) for frame in content.frames)
    frames = [with_channels(frame, channels) for frame in content.frames]
    head, *_ = _encoded(frames[0])
    chunks: list[Chunk] = [head, *_chunks_of(content.carried)]
    if content.animation is None:
        chunks += _pixels_of(frames[0])
    else:
        chunks += _animated(frames, content.animation)
    png.write_chunks(stream, [*chunks, (b"IEND", b"")])


def _animated(frames: list[Frame], animation: Animation) -> Iterator[Chunk]:
    number = len(frames) - animation.still_first
    yield b"acTL", struct.pack(">II", number, animation.loop)
    sequence = 0
    for k, (frame, milliseconds) in enumerate(zip(frames, animation.milliseconds, strict=True)):
        still = k == 0 and animation.still_first
        if not still:
            height, width = frame.shape[:2]
            lasts = Fraction(milliseconds / 1000).limit_denominator(1000)
            if lasts.numerator > 65535:
                lasts = Fraction(min(round(lasts), 65535))
            yield (
                b"fcTL",
                struct.pack(
                    ">IIIIIHHBB", sequence, width, height, 0, 0, *lasts.as_integer_ratio(), 0, 0
                ),
            )
            sequence += 1
        for kind, data in _pixels_of(frame):
            if k == 0:
                yield kind, data
            else:
                yield b"fdAT", struct.pack(">I", sequence) + data
                sequence += 1


def _chunks_of(carried: Carried) -> Iterator[Chunk]:
    if carried.profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(carried.profile)
    yield from carried.chunks
    if carried.dpi:
        per_metre = (min(round(value / 0.0254), 2**31 - 1) for value in carried.dpi)
        yield b"pHYs", struct.pack(">IIB", *per_metre, 1)
    if carried.exif:
        yield b"eXIf", carried.exif


def _pixels_of(frame: Frame) -> list[Chunk]:
    return [(kind, data) for kind, data in _encoded(frame) if kind == b"IDAT"]


def _encoded(frame: Frame) -> list[Chunk]:
    """All chunks of one frame as a PNG of its own."""
    buffer = io.BytesIO()
    height, width, channels = frame.shape
    if frame.dtype == np.uint8 or channels == 1:
        flat = frame[..., 0] if channels == 1 else frame
        Image.fromarray(np.ascontiguousarray(flat)).save(buffer, "PNG")
    else:
        options: dict[str, Any] = {"greyscale": channels < 3, "alpha": channels in (2, 4)}
        writer = png.Writer(width, height, bitdepth=16, **options)
        writer.write_packed(buffer, (row.astype(">u2").tobytes() for row in frame))
    return [(bytes(k), bytes(d)) for k, d in png.Reader(bytes=buffer.getvalue()).chunks()]
