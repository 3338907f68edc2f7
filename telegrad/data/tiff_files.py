"""TIFF, as Pillow can't read or write it: 16 bits of color, floating point, pages of all kinds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

import numpy as np
from tifffile import TiffPage, TiffWriter

from telegrad.data.image_content import Frame, ImageContent, is_see_through
from telegrad.data.pixel_limit import check_size
from telegrad.data.sample_values import as_samples

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
ORIENTATION, PROFILE, EXIF, GPS = 274, 34675, 34665, 34853
WORDS = {270: "description", 271: "make", 272: "model", 305: "software", 306: "date",
         315: "artist", 33432: "copyright"}  # fmt: skip
LARGEST = 2**32 - 2**25


def is_tiff(file: str | Path) -> bool:
    with Path(file).open("rb") as stream:
        return stream.read(4) in BYTE_ORDERS


def number_of_pages(file: str | Path) -> int:
    """Pages of a TIFF, by its chain of directories.

    Raises:
        ValueError: if the chain leads out of the file, or into itself.
    """
    size = Path(file).stat().st_size
    with Path(file).open("rb") as stream:
        start = stream.read(4)
        order, big = BYTE_ORDERS[start], b"+" in start
        count, pointer, entry = ("Q", "Q", 20) if big else ("H", "I", 12)

        def number(form: str) -> int:
            content = stream.read(struct.calcsize(order + form))
            if len(content) < struct.calcsize(order + form):
                raise ValueError("the file ends before its last page does")
            return int(struct.unpack(order + form, content)[0])

        stream.seek(8 if big else 4)
        seen: set[int] = set()
        while (offset := number(pointer)) != 0:
            if offset in seen or offset >= size:
                raise ValueError(f"page {len(seen) + 1} is not in the file, or is an earlier one")
            seen.add(offset)
            stream.seek(offset)
            stream.seek(offset + struct.calcsize(order + count) + entry * number(count))
    return len(seen)


def photometric_of(page: TiffPage) -> str:
    """What the samples mean, by TIFF's name; its number where it has none."""
    return str(getattr(page.photometric, "name", page.photometric))


def samples_of_page(page: TiffPage, size: int, max_pixels: int | None) -> tuple[Frame, bool]:
    """A page's samples, not turned; and whether a channel was dropped that says nothing of itself.

    Args:
        page: of an open file.
        size: of the file, in bytes.
        max_pixels: as `check_size`.

    Raises:
        ValueError: if it is damaged or of a kind that is not read, in words.
    """
    check_size(page.imagewidth, page.imagelength, 1, max_pixels)
    said = f"{photometric_of(page)}, {page.samplesperpixel} × {page.dtype}"
    colors = {"MINISBLACK": 1, "MINISWHITE": 1, "RGB": 3}.get(photometric_of(page), 0)
    if page.dtype is None or not colors or page.samplesperpixel not in (colors, colors + 1):
        raise ValueError(f"a TIFF of {said}; needs grey or RGB, with or without alpha")
    ends = zip(page.dataoffsets, page.databytecounts, strict=True)
    if not page.databytecounts or any(n < 1 or start + n > size for start, n in ends):
        raise ValueError("the file is truncated: pixels are missing")
    try:
        values = page.asarray()
    except ValueError as error:
        way_out = ": pip install imagecodecs" if "imagecodecs" in str(error) else ""
        raise ValueError(f"a TIFF of {said}: {error}{way_out}") from error
    values = values.reshape(_shape(page))
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    bits = page.bitspersample if values.dtype.kind in "iu" else None
    frame = as_samples(values, None if bits == 8 * values.itemsize else bits)
    if photometric_of(page) == "MINISWHITE":
        frame = np.concatenate([np.iinfo(frame.dtype).max - frame[..., :1], frame[..., 1:]], 2)
    if not is_see_through(frame):
        return frame, False
    extra = int(page.extrasamples[0]) if page.extrasamples else 0
    if extra == 1:
        return _divided_by_alpha(frame), False
    return (frame, False) if extra == 2 else (frame[..., :-1], True)


def _shape(page: TiffPage) -> tuple[int, ...]:
    size = (page.imagelength, page.imagewidth)
    apart = page.planarconfig == 2 and page.samplesperpixel > 1
    return (page.samplesperpixel, *size) if apart else (*size, page.samplesperpixel)


def _divided_by_alpha(frame: Frame) -> Frame:
    """Straight alpha of one that was multiplied into the colors."""
    full = np.iinfo(frame.dtype).max
    alpha = frame[..., -1:].astype(np.float64)
    colors = (frame[..., :-1].astype(np.float64) * full / alpha.clip(1)).round().clip(0, full)
    return np.concatenate([colors.astype(frame.dtype), frame[..., -1:]], axis=2)


def words_of(page: TiffPage) -> dict[int, str]:
    """Texts of a page for people, by tag; not those that programs put there for themselves."""
    found = {tag: page.tags.valueof(tag) for tag in WORDS}
    ours = {tag: text for tag, text in found.items() if isinstance(text, str) and text.isascii()}
    if ours.get(270, "").startswith(("{", "<?xml", "ImageJ=", "shape=")):
        del ours[270]
    return {tag: text for tag, text in ours.items() if text}


def dpi_of(page: TiffPage) -> tuple[float, float] | None:
    """Pixels per inch, where the page says so."""
    inches = {2: 1.0, 3: 2.54}.get(page.tags.valueof(296, default=2))
    values = [page.tags.valueof(tag) for tag in (282, 283)]
    if inches is None or not all(isinstance(v, tuple) and len(v) == 2 and v[1] for v in values):
        return None
    x, y = (v[0] / v[1] * inches for v in values)
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 and (x, y) != (1, 1) else None


def write_pages(stream: IO[bytes], content: ImageContent) -> None:
    """Every frame as a page, compressed without loss."""
    carried = content.carried
    words = [(tag, 2, 0, text, True) for tag, text in carried.words.items()]
    bytes_in_all = sum(frame.nbytes for frame in content.frames)
    with TiffWriter(stream, bigtiff=bytes_in_all > LARGEST) as writer:
        for frame in content.frames:
            writer.write(
                np.ascontiguousarray(frame if frame.shape[-1] > 1 else frame[..., 0]),
                photometric="rgb" if frame.shape[-1] > 2 else "minisblack",
                planarconfig="contig" if frame.shape[-1] > 1 else None,
                extrasamples=["unassalpha"] if is_see_through(frame) else None,
                compression="zlib",
                predictor=True,
                iccprofile=carried.profile,
                resolution=carried.dpi,
                resolutionunit="INCH" if carried.dpi else None,
                extratags=words,
                software=False,
                metadata=None,
            )
