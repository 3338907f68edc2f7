"""Flips and quarter turns, by which a training image becomes one of eight."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def turned(images: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Each image flipped and turned at random, all its fields alike.

    Nothing waits for the device. Images that are not square are flipped only.

    Args:
        images: (n, c, h, w) by field, all of one shape of pixels but for their scale.
        generator: of the draws, on the images' device.

    >>> images = {"clean": torch.arange(8.0).view(2, 1, 2, 2)}
    >>> turned(images, torch.Generator().manual_seed(0))["clean"].sum((1, 2, 3))
    tensor([ 6., 22.])
    """
    first = next(iter(images.values()))
    drawn = torch.rand((3, len(first), 1, 1, 1), generator=generator, device=first.device) < 0.5
    out = {}
    for name, x in images.items():
        x = torch.where(drawn[0], x.flip(-1), x)
        x = torch.where(drawn[1], x.flip(-2), x)
        out[name] = torch.where(drawn[2], x.mT, x) if x.shape[-1] == x.shape[-2] else x
    return out
