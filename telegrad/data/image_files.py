"""Image files: reading any of them as RGB in [−1, 1], writing a restored one as it came."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from telegrad.atomic import write_whole

Pixels = np.ndarray
"""An RGB image, uint8, shape (height, width, 3)."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})

_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I")


@dataclass(frozen=True)
class Picture:
    """An image file's content.

    Attributes:
        rgb: (3, h, w) in [−1, 1]; a grey image has three equal channels.
        alpha: (h, w) opacity, uint8, or None.
        grey: whether the file was grey.
        bits: of each channel, 8 or 16.
    """

    rgb: Tensor
    alpha: np.ndarray | None = None
    grey: bool = False
    bits: int = 8


def read_picture(file: str | Path) -> Picture:
    """An image file in any mode, turned upright as its EXIF orientation says.

    Raises:
        OSError: if it can't be read, is truncated, or is not an image; the message names the file.
    """
    image = _open(file)
    if image.mode in _SIXTEEN_BITS:
        values = torch.from_numpy(np.asarray(image).astype(np.float32)) / 32767.5 - 1
        return Picture(values.expand(3, -1, -1), grey=True, bits=16)
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    pixels = torch.from_numpy(np.array(image.convert("RGB")))
    return Picture(pixels.permute(2, 0, 1).float() / 127.5 - 1, alpha, grey)


def write_picture(file: Path, rgb: Tensor, like: Picture) -> None:
    """Writes (3, h, w) in [−1, 1] as grey or color, with alpha and depth, as `like` came.

    Alpha is resized where `rgb` has another size. The suffix of `file` says the format; it must be
    one that keeps what is written, such as PNG.

    Raises:
        OSError: if it can't be written; what was there before is unchanged.
    """
    levels = 2**like.bits - 1
    values = ((rgb.clamp(-1, 1) + 1) / 2 * levels).round().cpu().numpy()
    values = values.astype(np.uint8 if like.bits == 8 else np.uint16)
    if like.grey:
        image = Image.fromarray(values.mean(0).round().astype(values.dtype))
    else:
        image = Image.fromarray(np.ascontiguousarray(values.transpose(1, 2, 0)))
    if like.alpha is not None:
        image.putalpha(Image.fromarray(like.alpha).resize(image.size, Image.Resampling.BILINEAR))
    form = Image.registered_extensions()[file.suffix.lower()]
    write_whole(file, lambda stream: image.save(stream, format=form))


def read_rgb(file: str | Path) -> Pixels:
    """An image file as RGB of 8 bits, turned upright.

    Raises:
        OSError: as `read_picture`.
    """
    image = _open(file)
    if image.mode in _SIXTEEN_BITS:
        return np.repeat((np.asarray(image) / 257).round().astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def images_in(directory: Path) -> list[Path]:
    """The image files in a folder and its subfolders, by name.

    Raises:
        ValueError: if there are none, or the folder can't be read.
    """
    try:
        files = sorted(f for f in directory.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise ValueError(f"folder: {directory} can't be read ({error}).") from error
    if not files:
        raise ValueError(
            f"folder: no images in {directory}; needs files ending in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return files


def _open(file: str | Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(f"{file}: can't be read as an image ({error})") from error
