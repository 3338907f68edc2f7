"""A trained model on images of any size: whole where they fit, else in tiles that are blended."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from telegrad.data.image_files import images_in, read_picture, write_picture
from telegrad.inference.model import TrainedModel
from telegrad.networks import divisor_of

LARGEST_TILE = 512
LARGEST_PICTURE = 2**20


@torch.no_grad()
def restore_image(
    model: TrainedModel, image: Tensor, noise: float | None = None, tile: int | None = None
) -> Tensor:
    """A restored image, (3, s·h, s·w) in [−1, 1] with s = 2 for super-resolution, else 1.

    Training sees (1 − t)·Kx + t·z. A photograph Kx + σn is of that form after scaling by 1 − t with
    t = σ/(1 + σ), which is how it is given to the network.

    Args:
        model: trained.
        image: (3, h, w) in [−1, 1], of any size.
        noise: standard deviation σ of the image's noise on [−1, 1]; estimated if not given.
        tile: largest height and width that the network sees at once, in pixels. By default 512;
            the size of training's crops for a network with global statistics, such as the U-Net,
            which restores larger pieces worse (`benchmarks/results/tiles.md`).
    """
    _check_options(noise, tile)
    if not (image.ndim == 3 and len(image) == 3 and image.numel() and image.is_floating_point()):
        raise ValueError(
            f"restore: image of shape {tuple(image.shape)} and type {image.dtype}; needs "
            f"(3, h, w) of floating point in [−1, 1]."
        )
    if image.is_meta or not image.isfinite().all():
        raise ValueError("restore: image has values that are not finite, or none at all.")
    if tile is None:
        local = getattr(model.network, "local", True)
        tile = LARGEST_TILE if local else min(model.recipe.size, LARGEST_TILE)
    device = next(model.network.parameters()).device
    image = image[None].to(device)
    if not model.task.timed:
        image = F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
        return in_tiles(model.network, image, tile, divisor_of(model.network))[0]
    sigma = estimate_noise(image[0]) if noise is None else noise
    t = min(sigma / (1 + sigma), model.longest_time)

    def network(x: Tensor) -> Tensor:
        return model.network((1 - t) * x, torch.full((len(x),), t, device=device))

    return in_tiles(network, image, tile, divisor_of(model.network))[0]


def _check_options(noise: float | None, tile: int | None) -> None:
    if noise is not None and not 0 <= noise <= 2:
        raise ValueError(
            f"restore: noise={noise * 127.5:g}, needs a standard deviation in 0 … 255."
        )
    if tile is not None and not 16 <= tile <= LARGEST_PICTURE:
        raise ValueError(f"restore: tile={tile}, needs 16 pixels or more, up to {LARGEST_PICTURE}.")


def in_tiles(
    function: Callable[[Tensor], Tensor], images: Tensor, tile: int, divisor: int = 1
) -> Tensor:
    """`function` of images (n, c, h, w) → (n, c, h, w), in tiles of at most `tile` pixels a side.

    Neighbouring tiles overlap by an eighth of their side, but 32 pixels where they can, and are
    blended there by a linear ramp. For a function that looks at most 8 pixels around, the result is
    that of the whole image; one with global statistics, such as the U-Net's group normalization and
    attention, sees a tile as an image of its own. Images are continued by reflection to sizes that
    `divisor` divides.
    """
    height, width = images.shape[-2:]
    tile = max(tile // divisor, 1) * divisor
    overlap = max(tile // 8, min(tile // 2, 32))
    total, weight = torch.zeros_like(images), images.new_zeros(1, 1, height, width)
    for top in _starts(height, tile, overlap):
        for left in _starts(width, tile, overlap):
            part = images[..., top : top + tile, left : left + tile]
            h, w = part.shape[-2:]
            out = function(_padded(part, divisor))[..., :h, :w]
            down = _ramp(top, h, height, overlap, images)
            across = _ramp(left, w, width, overlap, images)
            ramp = down[:, None] * across
            total[..., top : top + h, left : left + w] += ramp * out
            weight[..., top : top + h, left : left + w] += ramp
    return total / weight


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin so that they cover `length`, the last one flush with its end."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def _ramp(start: int, length: int, whole: int, overlap: int, like: Tensor) -> Tensor:
    """Weights along a tile of `length` pixels that begins at `start` of `whole`.

    Towards a neighbour they rise from 0 to 1 over the overlap. Its outer quarter, where a tile
    misses its surroundings, weighs nothing.
    """
    place = torch.arange(length, device=like.device, dtype=like.dtype) + 0.5
    from_start = place if start > 0 else torch.full_like(place, torch.inf)
    from_end = length - place if start + length < whole else torch.full_like(place, torch.inf)
    inside = torch.minimum(from_start, from_end)
    return ((inside - overlap / 4) / (overlap / 2)).clamp(0, 1)


def _padded(images: Tensor, divisor: int) -> Tensor:
    """Continued below and to the right, by reflection, to a multiple of `divisor`."""
    height, width = images.shape[-2:]
    below, right = -height % divisor, -width % divisor
    if not (below or right):
        return images
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)


def estimate_noise(image: Tensor) -> float:
    """Standard deviation of white noise in an image (3, h, w), on the scale of its values.

    The median of the finest diagonal Haar details over 0.6745, which edges hardly change.
    Source: Donoho and Johnstone, *Ideal spatial adaptation by wavelet shrinkage*, 1994.
    """
    height, width = (size // 2 * 2 for size in image.shape[-2:])
    if not (height and width):
        return 0.0
    a, b = image[:, 0:height:2, 0:width:2], image[:, 0:height:2, 1:width:2]
    c, d = image[:, 1:height:2, 0:width:2], image[:, 1:height:2, 1:width:2]
    return float(((a - b - c + d) / 2).abs().median() / 0.6745)


def restore_files(
    model: TrainedModel,
    source: str | Path,
    out: str | Path,
    noise: float | None = None,
    tile: int | None = None,
) -> tuple[list[Path], list[str]]:
    """Restores an image, or all images in a folder, into the folder `out` as PNG files.

    Grey images stay grey, alpha and 16 bits are kept, EXIF orientation is applied.

    Returns:
        the files written, and what could not be read, each with its reason.

    Raises:
        FileNotFoundError, ValueError: if there is nothing to restore.
        OSError: if `out` can't be written.
    """
    _check_options(noise, tile)
    for name, path in (("source", source), ("out", out)):
        if not str(path).strip() or "\0" in str(path):
            raise ValueError(f"restore: {name}={str(path)!r}, needs the name of a file or folder.")
    source, out = Path(source), Path(out)
    if not source.exists():
        raise FileNotFoundError(f"restore: {source} does not exist; needs an image or a folder.")
    files = images_in(source) if source.is_dir() else [source]
    root = source if source.is_dir() else source.parent
    written: list[Path] = []
    failed: list[str] = []
    for file in tqdm(files, desc="restoring", unit="image", disable=len(files) == 1):
        try:
            picture = read_picture(file)
        except OSError as error:
            warnings.warn(f"left out {error}", stacklevel=2)
            failed.append(str(error))
            continue
        restored = restore_image(model, picture.rgb, noise, tile)
        target = out / file.relative_to(root).with_suffix(".png")
        if target in written:  # of one name but for the suffix
            target = target.with_name(f"{file.name}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_picture(target, restored, picture)
        written.append(target)
    return written, failed
