"""Reading TIFF: by Pillow what it knows, all else by tifffile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from PIL import Image
from tifffile import TiffFile, TiffPage

from telegrad.data.color_profiles import kept_profile
from telegrad.data.image_content import Carried, Frame, ImageContent, is_see_through
from telegrad.data.orientation import EXIF_HEADER, turned_upright
from telegrad.data.pillow_frames import frame_of
from telegrad.data.pixel_limit import check_size
from telegrad.data.tiff_files import (
    EXIF,
    GPS,
    ORIENTATION,
    PROFILE,
    dpi_of,
    number_of_pages,
    photometric_of,
    samples_of_page,
    words_of,
)

DROPPED = "a channel that is not said to be alpha was left out"

# What is odd in a file is said once, by what becomes of it.
for _library in ("tifffile", "PIL"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


def read_tiff(file: Path, max_pixels: int | None, first_only: bool) -> ImageContent:
    """All pages of a TIFF, or its first.

    Raises:
        Exception: of any kind that Pillow and tifffile raise for damaged files.
    """
    number = number_of_pages(file)
    with TiffFile(file) as tiff, _opened(file) as image:
        pages = [cast(TiffPage, tiff.pages[k]) for k in range(1 if first_only else number)]
        check_size(sum(p.imagewidth * p.imagelength for p in pages), 1, 1, max_pixels)
        frames: list[Frame] = []
        notes: list[str] = []
        for k, page in enumerate(pages):
            check_size(page.imagewidth, page.imagelength, 1, max_pixels)
            if page.imagedepth != 1:
                raise ValueError(f"a TIFF of {page.imagedepth} layers in one page; needs one")
            frame, note = _page(file, image, k, page, max_pixels)
            frames.append(frame)
            notes += [note] if note and note not in notes else []
        first = pages[0]
        profile = first.tags.valueof(PROFILE)
        if photometric_of(first) in ("SEPARATED", "CIELAB", "ICCLAB"):
            profile = None
        profile, more = kept_profile(bytes(profile) if profile else None, frames[0])
        exif, lost = _exif(image, first, keep=number == 1)
        turned = first.tags.valueof(ORIENTATION, default=1) in (5, 6, 7, 8)
        dpi = dpi_of(first)
        carried = Carried(profile, dpi[::-1] if dpi and turned else dpi, exif, (), words_of(first))
    return ImageContent(tuple(frames), carried, None, (*notes, *more, *lost))


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image | None]:
    """The file as Pillow opens it; None if it can't.

    Not by its name: by that, Pillow maps it into memory and scrambles what it turns.
    """
    with file.open("rb") as stream:
        try:
            image = Image.open(stream)
        except Image.DecompressionBombError:
            raise
        except Exception:  # tifffile may read it
            yield None
            return
        with image:
            yield image


def _page(
    file: Path, image: Image.Image | None, k: int, page: TiffPage, max_pixels: int | None
) -> tuple[Frame, str]:
    """A page, upright, and a note on what was converted or dropped."""
    plain = page.bitspersample <= 8 and page.sampleformat == 1
    readers = [
        lambda: None if image is None else _by_pillow(image, k, page, plain),
        lambda: _by_tifffile(file, page, max_pixels),
    ]
    refused: Exception | None = None
    for reader in readers if plain else reversed(readers):
        try:
            found = reader()
        except Exception as error:  # the other one may read it
            refused = refused or error
            continue
        if found is not None:
            return found
    raise refused or ValueError("a TIFF of a kind that is not read")


def _by_tifffile(file: Path, page: TiffPage, max_pixels: int | None) -> tuple[Frame, str]:
    frame, dropped = samples_of_page(page, file.stat().st_size, max_pixels)
    return turned_upright(frame, page.tags.valueof(ORIENTATION, default=1)), DROPPED * dropped


def _by_pillow(image: Image.Image, k: int, page: TiffPage, plain: bool) -> tuple[Frame, str] | None:
    """None for kinds that Pillow reads with fewer bits."""
    image.seek(k)
    if not plain and image.mode != "F" and not image.mode.startswith("I;16"):
        return None
    image.load()
    left = image.tag_v2.get(ORIENTATION, 1)  # type: ignore[attr-defined]  # gone if Pillow turned it
    frame, note = frame_of(image, None if plain else page.bitspersample)
    colors = {"SEPARATED": 4, "RGB": 3, "YCBCR": 3, "CIELAB": 3}.get(photometric_of(page), 1)
    dropped = DROPPED * (page.samplesperpixel > colors + is_see_through(frame))
    if photometric_of(page) == "MINISWHITE" and not plain:
        raise ValueError("16 bits, white as zero")
    return turned_upright(frame, left), note or dropped


def _exif(image: Image.Image | None, page: TiffPage, keep: bool) -> tuple[bytes | None, list[str]]:
    """The page's texts, camera and place as EXIF, and a note if they can't be kept."""
    inner = [tag for tag in (EXIF, GPS) if tag in page.tags]
    lost = ["its EXIF was left out"] if inner else []
    exif = Image.Exif()
    try:
        for tag, text in words_of(page).items():
            exif[tag] = text
        if keep and inner and image is not None:
            image.seek(0)
            own = image.getexif()
            for tag in inner:
                exif[tag] = dict(own.get_ifd(tag))
            lost = []
        whole = exif.tobytes().removeprefix(EXIF_HEADER) if len(exif) or inner else None
        return whole, lost
    except Exception:  # odd values
        return None, ["its EXIF was left out"]
