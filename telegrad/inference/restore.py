"""A trained model on images of any size: whole where they fit, else in tiles that are blended."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from telegrad.bars import Bar
from telegrad.data.image_content import Frame
from telegrad.data.image_folder import checked, list_images, make_output
from telegrad.data.image_reading import read_image
from telegrad.data.image_writing import suffix_for, write_image
from telegrad.data.picture import frame_like, picture_of
from telegrad.inference.model import Model
from telegrad.inference.noise import estimate_noise
from telegrad.inference.targets import inputs_of, targets_of

LARGEST_PICTURE = 2**20


@torch.no_grad()
def restore_image(
    model: Model, image: Tensor, noise: float | None = None, tile: int | None = None
) -> Tensor:
    """A restored image, (c, s·h, s·w) in the task's range, where s is the task's `scale`.

    The task knows how an image is given to its network (`Task.prepare`). A network for grey images
    restores each channel by itself.

    Args:
        model: trained.
        image: (3, h, w), or (1, h, w) for a network for grey images, in the task's range, of any
            size.
        noise: standard deviation σ of the image's noise on that range; estimated if not given. It
            makes no difference to a network that is told of none (`Model.takes_noise`).
        tile: largest height and width that the network sees at once, in pixels. By default 512;
            the size of training's crops for a network with global statistics, such as the U-Net,
            which restores larger pieces worse (`benchmarks/results/tiles.md`).

    Raises:
        ValueError: for an image of another shape or range, noise that can't be, or a tile below 16.
    """
    task, (low, high) = model.task, model.task.value_range
    if noise is not None and not 0 <= noise <= high - low:
        raise ValueError(
            f"restore_image: noise={noise:g}; needs a standard deviation from 0 to "
            f"{high - low:g}, on images in [{low:g}, {high:g}]. A standard deviation on 0 … 255 is "
            f"to be divided by {255 / (high - low):g}."
        )
    _check_tile(tile)
    right = image.ndim == 3 and len(image) in {3, task.channels} and image.numel()
    if not (right and image.is_floating_point()):
        raise ValueError(
            f"restore: image of shape {tuple(image.shape)} and type {image.dtype}; needs "
            f"(3, h, w) of floating point in [{low:g}, {high:g}]."
        )
    if image.is_meta or not image.isfinite().all():
        raise ValueError("restore: image has values that are not finite, or none at all.")
    image = image.to(model.device)
    sigma = estimate_noise(image) if noise is None else noise
    given, second = task.prepare(image[:, None] if task.channels == 1 else image[None], sigma)
    return model.restored(given, second, tile).flatten(0, 1)


def _check_tile(tile: int | None) -> None:
    if tile is not None and not 16 <= tile <= LARGEST_PICTURE:
        raise ValueError(f"restore: tile={tile}, needs 16 pixels or more, up to {LARGEST_PICTURE}.")


def restore_files(
    model: Model,
    source: str | Path,
    out: str | Path,
    noise: float | None = None,
    tile: int | None = None,
    overwrite: bool = False,
    max_pixels: int | None = None,
    note: Callable[[str], object] = warnings.warn,
) -> tuple[list[Path], list[str]]:
    """Restores an image, or all images in a folder, into the folder `out`, without loss as PNG.

    Pages of a TIFF become pages of a TIFF, all frames of an animation those of an animated PNG.
    Grey stays grey, alpha, 16 bits, color profile, resolution and EXIF are kept, pictures are
    turned upright. An `out` within the folder is not read. Nothing is written unless everything
    may be.

    Args:
        model: trained.
        source: an image or a folder.
        out: a folder.
        noise, tile: as `restore_image`.
        overwrite: whether files in `out` are replaced; those that are restored never are.
        max_pixels: that an image's header may announce; twice Pillow's `MAX_IMAGE_PIXELS` if not
            given.
        note: is told what of a restored image's metadata could not be kept, and which files in a
            folder are no images.

    Returns:
        the files written, and what was left out, each with its reason: files that can't be read,
        and further pictures in a file that is neither TIFF nor an animation.

    Raises:
        FileNotFoundError, ValueError: if there is nothing to restore, or an image would be
            overwritten by its own restored one.
        FileExistsError: if there are files in `out` already and `overwrite` is false.
        OSError: if `out` can't be written. What was written before stays.
    """
    _check_tile(tile)
    for name, path in (("source", source), ("out", out)):
        if not str(path).strip() or "\0" in str(path):
            raise ValueError(f"restore: {name}={str(path)!r}, needs the name of a file or folder.")
    if max_pixels is not None and not max_pixels >= 1:
        raise ValueError(f"restore: max_pixels={max_pixels}, needs 1 pixel or more.")
    source, out = Path(source), Path(out)
    if not source.exists():
        raise FileNotFoundError(f"restore: {source} does not exist; needs an image or a folder.")
    root = source if source.is_dir() else source.parent
    files = [source]
    if source.is_dir():
        folder = checked(list_images(source))
        files = inputs_of(folder.files, source, out)
        if folder.said:
            note(f"{source}: left out {folder.said}.")
    if not files:
        raise ValueError(f"restore: all images in {source} lie in {out}; choose another --out.")
    targets = targets_of(files, root, out, suffix_for, overwrite)
    written: list[Path] = []
    failed: list[str] = []
    pairs = zip(files, targets, strict=True)
    for file, target in Bar(pairs, "restoring", len(files), unit="image", disable=len(files) == 1):
        try:
            content = read_image(file, max_pixels)
        except OSError as error:
            warnings.warn(f"left out {error}", stacklevel=2)
            failed.append(str(error))
            continue
        frames = tuple(_restored(model, frame, noise, tile) for frame in content.frames)
        try:
            make_output(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, replace(content, frames=frames))
        except OSError as error:
            raise OSError(
                f"restore: {error} {len(written)} of {len(files)} images were restored before "
                f"and stay."
            ) from error
        written.append(target)
        for what in content.notes:
            note(f"{file}: {what}.")
        if content.left_out:
            warnings.warn(f"left out of {file}: {content.left_out}", stacklevel=2)
            failed.append(f"{file}: {content.left_out}.")
    return written, failed


def _restored(model: Model, frame: Frame, noise: float | None, tile: int | None) -> Frame:
    picture, (low, high) = picture_of(frame), model.task.value_range
    channels = 1 if picture.grey and model.task.channels == 1 else 3
    image = (high - low) * picture.rgb[:channels] + low
    restored = restore_image(model, image, noise, tile)
    return frame_like(((restored - low) / (high - low)).expand(3, -1, -1), picture)
