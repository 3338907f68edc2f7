"""The end of a network that may enlarge: pixel shuffle, over the image enlarged bilinearly."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SCALES = (1, 2, 3, 4, 8)
"""How many times larger images may come out, a side."""


def check_form(name: str, in_channels: int, out_channels: int, scale: int, residual: bool) -> None:
    """Raises ValueError for a scale that can't be, or a sum of images of unlike channels."""
    if scale not in SCALES:
        raise ValueError(f"{name}: scale={scale}; needs one of {', '.join(map(str, SCALES))}.")
    if residual and in_channels != out_channels:
        raise ValueError(
            f"{name}: in_channels={in_channels}, out_channels={out_channels}; needs the same, or "
            f"residual=False, since the result is added to the image."
        )


def enlarged(h: Tensor, scale: int, image: Tensor | None) -> Tensor:
    """Features (n, s²·c, h, w) as images (n, c, s·h, s·w), added to the enlarged one if given."""
    if scale == 1:
        return h if image is None else image + h
    h = F.pixel_shuffle(h, scale)
    if image is None:
        return h
    return h + F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
