"""What of an image is measured: its colors or its luma, without its border, in 8 bits or not."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from telegrad.tasks.base import grey

Channel = Literal["rgb", "y"]
"""All channels, or Y of BT.601."""


def luma(images: Tensor) -> Tensor:
    """Y (n, 1, h, w) of RGB images (n, 3, h, w) in [0, 1]: from 16/255 for black to 235/255.

    ITU-R BT.601 as MATLAB's `rgb2ycbcr` has it, which the field's super-resolution is measured on.
    """
    weights = images.new_tensor([65.481, 128.553, 24.966]).view(3, 1, 1)
    return ((weights * images).sum(1, keepdim=True) + 16) / 255


def measured_channels(images: Tensor, channel: Channel, of_grey_file: bool) -> Tensor:
    """The channels (n, 1 or 3, h, w) of images (n, c, h, w) in [0, 1] that are measured.

    Y of an image that its file has in grey is its own grey, from 0 to 255: MATLAB's programs
    convert colors only.
    """
    if channel == "rgb" or images.shape[1] == 1:
        return images
    return grey(images) if of_grey_file else luma(images)


def eight_bits(images: Tensor) -> Tensor:
    """Images in [0, 1] as files have them: clipped, 256 values."""
    return (255 * images).clamp(0, 255).round() / 255


def without_border(images: Tensor, border: int) -> Tensor:
    """Images (n, c, h, w) without so many pixels at each edge.

    Raises:
        ValueError: if nothing is left.
    """
    height, width = images.shape[-2:]
    if 2 * border >= min(height, width):
        raise ValueError(
            f"crop_border={border} leaves nothing of {height}×{width} pixels; use a smaller one."
        )
    return images[..., border : height - border, border : width - border]
