"""Reading an image file with all that it carries, or refusing it in words."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from telegrad.data.bare_images import without_metadata
from telegrad.data.color_profiles import CONVERTED, kept_profile
from telegrad.data.image_content import Animation, Carried, Frame, ImageContent
from telegrad.data.orientation import Exif, exif_of, turned_upright
from telegrad.data.pillow_frames import dpi_of, frame_of, orientation_of
from telegrad.data.pixel_limit import WAY_OUT, check_size, pillows_limit_lifted
from telegrad.data.png_files import (
    Opened,
    chunks_to_keep,
    deep_samples,
    is_deep_color,
    transparent_grey,
)
from telegrad.data.tiff_files import is_tiff
from telegrad.data.tiff_reading import read_tiff
from telegrad.errors import reason

ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})

_quiet = threading.Lock()


def read_image(
    file: str | Path, max_pixels: int | None = None, first_only: bool = False
) -> ImageContent:
    """An image file of any kind, its frames upright.

    Args:
        file: any that Pillow or tifffile reads.
        max_pixels: that its header may announce, all frames together; Pillow's limit if not given.
        first_only: whether frames after the first are left unread.

    Raises:
        OSError: if it can't be read, is truncated, or is of a kind that can't be kept; the message
            names the file.
    """
    try:
        with pillows_limit_lifted(max_pixels is not None):
            try:
                return _read(Path(file), max_pixels, first_only)
            except Warning:  # where warnings are errors: about metadata mostly
                with _quiet, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return _read(Path(file), max_pixels, first_only)
    except Exception as error:  # a damaged file may raise anything in a decoder
        raise OSError(f"{file}: can't be read as an image ({_said(error)})") from error


def _said(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"{error} {WAY_OUT}"
    if isinstance(error, UnidentifiedImageError):
        return "it is of no format that is known, or its start is damaged"
    plain = isinstance(error, (OSError, ValueError, SyntaxError)) and str(error).strip()
    return str(error).strip().rstrip(".") if plain else reason(error)


def _read(file: Path, max_pixels: int | None, first_only: bool) -> ImageContent:
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise ValueError("it is not a file")
    if is_tiff(file):
        return read_tiff(file, max_pixels, first_only)
    try:
        return _decoded(lambda: file.open("rb"), max_pixels, first_only)
    except (Warning, Image.DecompressionBombError):
        raise
    except Exception:  # perhaps the pixels are sound, and only what is said of them is not
        bare = without_metadata(file.read_bytes())
        if bare is None:
            raise
        content, exif = bare
        try:
            found = _decoded(lambda: io.BytesIO(content), max_pixels, first_only, exif)
        except Exception:
            found = None
        if found is None:
            raise
    return replace(found, notes=(*found.notes, "its metadata is damaged and was left out"))


def _decoded(
    opened: Opened, max_pixels: int | None, first_only: bool, exif: bytes | None = None
) -> ImageContent:
    with opened() as stream, Image.open(stream) as image:
        check_size(*image.size, 1, max_pixels)
        if exif:
            image.info["exif"] = exif
        hidden = image.info.get("transparency")
        if image.mode == "L" and isinstance(hidden, int):
            image.info["transparency"] = transparent_grey(opened, hidden)
        number = 1 if first_only else getattr(image, "n_frames", 1)
        moves = image.format in ANIMATED and number > 1
        if moves:
            _check_trailer(opened, image.format)
            check_size(*image.size, number, max_pixels)
        loop = int(image.info.get("loop", 1 if image.format == "GIF" else 0))
        still_first = bool(image.info.get("default_image", False))
        deep, space = is_deep_color(opened), image.mode
        frames: list[Frame] = []
        milliseconds: list[float] = []
        notes: list[str] = []
        for k in range(number if moves else 1):
            if k:
                image.seek(k)
            if image.format != "PPM":  # one of 16 bits is not decoded by Pillow
                image.load()
            if k == 0:
                turn = orientation_of(image)
                profile = image.info.get("icc_profile") or None
            frame, note = (deep_samples(opened), "") if deep else frame_of(image)
            frames.append(turned_upright(frame, turn))
            milliseconds.append(max(float(image.info.get("duration") or 0), 0.0))
            notes += [note] if note and not k else []
        if len({frame.shape[:2] for frame in frames}) > 1:
            raise ValueError("an animation with frames of several sizes")
        if space in CONVERTED:
            profile = None
        carried, more = _carried(opened, image, profile, frames[0], turn)
    return ImageContent(
        tuple(frames),
        carried,
        Animation(tuple(milliseconds), loop, still_first) if moves else None,
        (*notes, *more),
        f"its {number - 1} other pictures" if number > 1 and not moves else "",
    )


def _check_trailer(opened: Opened, form: str | None) -> None:
    """Raises if a GIF ends between two frames, which Pillow takes for its end."""
    with opened() as stream:
        ended = form != "GIF" or stream.read().rstrip(b"\0\r\n").endswith(b";")
    if not ended:
        raise ValueError("the file is truncated: frames may be missing")


def _carried(
    opened: Opened, image: Image.Image, profile: bytes | None, frame: Frame, turn: int
) -> tuple[Carried, list[str]]:
    """What the image carries and can be kept, and a note on each thing that can't."""
    profile, notes = kept_profile(profile, frame)
    content = image.info.get("exif") or b""
    exif: Exif | None = exif_of(content)
    if content and (exif is None or exif.upright is None):
        notes.append("its EXIF is damaged and was left out")
    chunks = chunks_to_keep(opened) if image.format == "PNG" else ()
    comment = image.info.get("comment")
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        chunks = (*chunks, (b"tEXt", b"Comment\0" + comment.replace(b"\0", b" ")))
    if image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"):
        notes.append("its XMP was left out")
    dpi = dpi_of(image)
    return Carried(
        profile=profile,
        dpi=dpi[::-1] if dpi and turn >= 5 else dpi,
        exif=exif.upright if exif else None,
        chunks=chunks,
    ), notes
