"""Boxes at random places of an image, as numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def outside_boxes(
    centers: Tensor, sides: Tensor, shape: tuple[int, ...], enlarged: tuple[float, float]
) -> Tensor:
    """Which pixels lie in none of the boxes: those whose centers don't.

    Args:
        centers, sides: (n, boxes, 2), down and across, in parts of the image's height and width.
        shape: (h, w) of the images.
        enlarged: by how much sides are longer than they say, down and across.

    Returns:
        (n, 1, h, w) of bool.
    """

    def inside(axis: int) -> Tensor:
        """Which rows (axis 0) or columns (axis 1) each box covers: (n, boxes, pixels)."""
        places = (torch.arange(shape[axis], device=centers.device) + 0.5) / shape[axis]
        half = enlarged[axis] * sides[..., axis, None] / 2
        return (places - centers[..., axis, None]).abs() < half

    rows, columns = inside(0), inside(1)
    return ~(rows[..., :, None] & columns[..., None, :]).any(1, keepdim=True)
