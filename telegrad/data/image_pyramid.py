"""A pyramid of one's own images, or pairs of images, for `ScheduledLoader`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from telegrad.data.base import BadImages
from telegrad.data.image_files import read_rgb
from telegrad.data.image_folder import images_in
from telegrad.data.levels import ImageRestriction
from telegrad.data.pyramid import GIBIBYTE, Pyramid, build_pyramid
from telegrad.data.source import NamedImage
from telegrad.mge.grids import GridHierarchy

SCALES = (1, 2, 3, 4, 8)
"""How many times larger than its companion an image may be, a side."""

Images = str | Path | Sequence[str | Path]
"""A folder, with its subfolders, or files."""


def image_pyramid(
    images: Images,
    grids: GridHierarchy,
    *,
    low: Images | None = None,
    restriction: ImageRestriction = "averaging",
    bad_images: BadImages = "refuse",
    memory: float = 4.0,
    cache_dir: str | Path = "pyramid_cache",
    dtype: torch.dtype = torch.float32,
    mirror: bool = False,
    max_pixels: int | None = None,
    progress: bool = True,
) -> Pyramid:
    """Images on every level, so that a coarse step opens nothing but coarse images.

    Each file is opened once, when the pyramid is built. A batch is a dictionary: `clean`, images
    (n, 3, h, w), and `low`, their companions, where there are any.

    Args:
        images: a folder, with its subfolders, or files; RGB of 8 bits, or what becomes that.
        grids: the schedule's, cells in the plane; images have the finest size or more.
        low: the images' companions, such as noisy images or images of low resolution, smaller by
            1, 2, 3, 4 or 8. They are matched by file name, apart from the suffix and, at the end of
            the companion's, `x2`, `x3`, `x4` or `x8`.
        restriction: how images are carried to the next coarser level; the loader takes it over.
        bad_images: `refuse` raises an error at an image that can't be used, `skip` warns.
        memory: GiB that the images may take, 4/3 of their size as bytes. If they take more, all go
            to disk.
        cache_dir: a folder for what goes to disk. It stays for the next time, until an image
            changes.
        dtype: of batches: floating point in [0, 1], or uint8 in 0 … 255.
        mirror: whether half of the crops are mirrored.
        max_pixels: that an image's header may announce; by default twice Pillow's limit.
        progress: whether to show a progress bar.

    >>> from telegrad import ScheduledLoader
    >>> from telegrad.schedules import auto
    >>> grids = GridHierarchy(finest=(64, 64), levels=3)
    >>> photos = image_pyramid("photos", grids)  # doctest: +SKIP
    >>> loader = ScheduledLoader(photos, auto(grids, budget=5000))  # doctest: +SKIP

    Raises:
        ValueError: if there are no images, companions are missing, too many, or of another size, an
            image is smaller than the finest level; or for another restriction, dtype or grids.
        OSError: for an image that can't be read, or if what goes to disk can't be written.
    """
    if not (dtype.is_floating_point or dtype == torch.uint8):
        raise ValueError(f"image_pyramid: dtype={dtype}; needs a floating-point type, or uint8.")
    files = _files(images)
    root = Path(images) if isinstance(images, (str, Path)) else None
    named = [NamedImage.of_file(file, root, max_pixels) for file in files]
    scale = 1
    if low is not None:
        named = _paired(named, files, root, low, max_pixels)
        scale = _scale(named[0])
    pyramid = build_pyramid(
        named,
        grids,
        restriction,
        bad_images,
        pairs=low is not None,
        scale=scale,
        memory=memory * GIBIBYTE,
        cache_dir=cache_dir,
        progress=progress,
    )
    return replace(pyramid, dtype=dtype, mirror=mirror, resize=True)


def _files(images: Images) -> list[Path]:
    if not isinstance(images, (str, Path)):
        return [Path(file) for file in images]
    if not Path(images).is_dir():
        raise FileNotFoundError(f"image_pyramid: {images} is not a directory.")
    return images_in(images)


def _paired(
    named: Sequence[NamedImage],
    files: Sequence[Path],
    root: Path | None,
    low: Images,
    max_pixels: int | None,
) -> list[NamedImage]:
    """Each image with its companion, by name."""
    low_root = Path(low) if isinstance(low, (str, Path)) else None
    companions: dict[str, Path] = {}
    for file in _files(low):
        key = _key(file, low_root)
        for name in {key, re.sub(r"[_-]?x[2348]$", "", key, flags=re.IGNORECASE)}:
            companions.setdefault(name, file)
    keys = [_key(file, root) for file in files]
    alone = [str(file) for file, key in zip(files, keys, strict=True) if key not in companions]
    used = {companions[key] for key in keys if key in companions}
    alone += sorted({str(file) for file in companions.values()} - {str(file) for file in used})
    if alone:
        raise ValueError(
            f"image_pyramid: {len(alone)} image{'s' * (len(alone) > 1)} without a companion of the "
            f"same name, such as {', '.join(alone[:3])}; leave them out, or give lists of files."
        )
    return [
        replace(
            image,
            low=partial(read_rgb, companions[key], max_pixels),
            files=(*image.files, companions[key]),
        )
        for image, key in zip(named, keys, strict=True)
    ]


def _key(file: Path, root: Path | None) -> str:
    return (file.relative_to(root) if root else Path(file.name)).with_suffix("").as_posix()


def _scale(image: NamedImage) -> int:
    """How many times larger an image is than its companion, a side."""
    assert image.low is not None
    (height, width), (h, w) = image.open().shape[:2], image.low().shape[:2]
    for scale in SCALES:
        if (height, width) == (scale * h, scale * w):
            return scale
    raise ValueError(
        f"image_pyramid: {image.name} has {height}×{width} pixels and its companion {h}×{w}; needs "
        f"the same size, or one smaller by a factor of {', '.join(map(str, SCALES[1:]))}."
    )
