"""A pyramid of one's own images, or pairs of images, for `ScheduledLoader`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from telegrad.data.base import BadImages
from telegrad.data.companions import companions_of, paired, scale_of
from telegrad.data.image_folder import images_in
from telegrad.data.levels import ImageRestriction
from telegrad.data.pyramid import GIBIBYTE, Pyramid, build_pyramid, check_memory
from telegrad.data.source import NamedImage
from telegrad.mge.grids import GridHierarchy

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
            1, 2, 3, 4 or 8. They are matched by file name without its suffix (and, of folders, with
            their subfolders): the same name, or else one that ends in `x2`, `x3`, `x4` or `x8`.
        restriction: how images are carried to the next coarser level; the loader takes it over.
        bad_images: `refuse` raises an error at an image that can't be used, `skip` warns.
        memory: GiB that the images may take, 4/3 of their size as bytes. If they take more, all go
            to disk.
        cache_dir: a folder for what goes to disk. It stays for the next time, until an image
            changes.
        dtype: of batches: floating point in [0, 1], or uint8 in 0 … 255, for schedules of one level
            a step: it can't be averaged.
        mirror: whether half of the crops are mirrored.
        max_pixels: that an image's header may announce; by default twice Pillow's limit.
        progress: whether to show a progress bar.

    >>> from telegrad import ScheduledLoader
    >>> from telegrad.schedules import auto
    >>> grids = GridHierarchy(finest=(64, 64), levels=3)
    >>> photos = image_pyramid("photos", grids)  # doctest: +SKIP
    >>> loader = ScheduledLoader(photos, auto(grids, budget=5000))  # doctest: +SKIP

    Raises:
        ValueError: if there are no images, companions are missing, too many, ambiguous, or of
            another size, an image is smaller than the finest level; or for another restriction,
            dtype, memory or grids.
        TypeError: for grids that are no GridHierarchy, or a dtype that is none of torch's.
        OSError: for an image that can't be read, or if what goes to disk can't be written.
    """
    if not isinstance(grids, GridHierarchy):
        raise TypeError(
            f"image_pyramid: grids={grids!r}; needs GridHierarchy(finest=(height, width), levels)."
        )
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"image_pyramid: dtype={dtype!r}; needs one of torch, as torch.float32.")
    if not (dtype.is_floating_point or dtype == torch.uint8):
        raise ValueError(f"image_pyramid: dtype={dtype}; needs a floating-point type, or uint8.")
    check_memory("image_pyramid", memory)
    files = _files(images)
    if not files:
        raise ValueError("image_pyramid: no images; needs one or more.")
    root = _root(images)
    named = [NamedImage.of_file(file, root, max_pixels) for file in files]
    scale = 1
    if low is not None:
        companions = companions_of(files, _files(low), root, _root(low))
        named = paired(named, companions, max_pixels)
        scale, _ = scale_of(named, bad_images)
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


def _root(images: Images) -> Path | None:
    return Path(images) if isinstance(images, (str, Path)) else None
