"""A picture as networks see it, and back as the samples that it came as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from telegrad.data.image_content import Frame, is_see_through
from telegrad.data.transparency import without_hidden_colors


@dataclass(frozen=True)
class Picture:
    """A picture of an image file.

    Attributes:
        rgb: (3, h, w) in [0, 1]; a grey image has three equal channels. Where it is fully
            transparent, it has the color of the nearest pixel that is not.
        alpha: (h, w) opacity, of unsigned integers of `bits`, or None.
        grey: whether the file was grey.
        bits: of each channel, 8 or 16.
    """

    rgb: Tensor
    alpha: np.ndarray | None = None
    grey: bool = False
    bits: int = 8


def visible_colors(frame: Frame) -> np.ndarray:
    """The colors (h, w, 1 or 3) of a frame, without those that transparent pixels hide."""
    if not is_see_through(frame):
        return frame
    return without_hidden_colors(frame[..., :-1], frame[..., -1])


def picture_of(frame: Frame) -> Picture:
    colors = visible_colors(frame)
    alpha = frame[..., -1].copy() if is_see_through(frame) else None
    levels = np.iinfo(frame.dtype).max
    values = colors.astype(np.float32) / np.float32(levels)
    rgb = torch.from_numpy(values).permute(2, 0, 1).expand(3, -1, -1)
    return Picture(rgb, alpha, colors.shape[-1] == 1, 8 * frame.itemsize)


def frame_like(rgb: Tensor, like: Picture) -> Frame:
    """(3, h, w) in [0, 1] as samples: grey or color, with alpha and depth, as `like` came.

    Alpha is resized where `rgb` has another size.
    """
    kind = np.uint8 if like.bits == 8 else np.uint16
    levels = 2**like.bits - 1
    values = (rgb.clamp(0, 1) * levels).round().cpu().numpy()
    if like.grey:
        values = values.mean(0, keepdims=True).round()
    frame: Frame = np.ascontiguousarray(values.astype(kind).transpose(1, 2, 0))
    if like.alpha is None:
        return frame
    alpha = like.alpha
    if alpha.shape != frame.shape[:2]:
        size = frame.shape[1::-1]
        smooth = Image.fromarray(alpha.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        alpha = np.asarray(smooth).round().clip(0, levels)
    return np.concatenate([frame, alpha.astype(kind)[..., None]], axis=2)
