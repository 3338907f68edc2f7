"""Self-ensemble: the mean of what a network makes of an image's flips and rotations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def self_ensemble(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """The mean over the eight symmetries T of the square of T⁻¹(function(T(x))).

    For a function that the symmetries commute with, it is the function.

    Args:
        function: of images (n, c, h, w) → (n, c, s·h, s·w).
        images: (n, c, h, w).

    Source: Timofte et al., *Seven ways to improve example-based single image super resolution*,
    CVPR 2016.
    """
    total: Tensor | None = None
    for flip in (False, True):
        for turns in range(4):
            x = images.flip(-1) if flip else images
            out = function(torch.rot90(x, turns, (-2, -1)).contiguous())
            back = torch.rot90(out, -turns, (-2, -1))
            back = back.flip(-1) if flip else back
            total = back if total is None else total + back
    assert total is not None
    return total / 8
