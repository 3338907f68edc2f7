"""Photographs that no training saw, as each of some models restores them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from telegrad.data import NamedImage
from telegrad.evaluation import Protocol
from telegrad.evaluation.measure import restored_by
from telegrad.evaluation.whole import whole_draw
from telegrad.inference import Model

SCENES = 6
"""Photographs that are shown; of more, some are taken, evenly spread."""

SIDE = 256
"""Of the part of a photograph that is shown, its middle, in pixels."""


@dataclass(frozen=True)
class Scene:
    """One photograph.

    Attributes:
        name: of its file.
        strength: of the corruption, in words; empty where there is one only.
        images: (3, h, w) in [0, 1] by name: `corrupted`, the models', `clean`.
    """

    name: str
    strength: str
    images: dict[str, Tensor]

    def psnr(self, name: str) -> float:
        """Of an image beside the clean one, in dB; infinite where they are the same."""
        mse = (self.images[name] - self.images["clean"]).square().mean().item()
        return 10 * math.log10(1 / mse) if mse else math.inf

    @property
    def difference(self) -> float:
        """Root mean square difference of the first two models' images, of 255 gray levels; of the
        corrupted and the restored one, if there is one model."""
        names = list(self.images)
        one, other = names[1:3] if len(names) > 3 else names[:2]
        return 255 * (self.images[one] - self.images[other]).square().mean().sqrt().item()


@torch.no_grad()
def scenes(models: Mapping[str, Model], images: Sequence[NamedImage]) -> list[Scene]:
    """Photographs corrupted and restored, those first in which the first two models differ most.

    Args:
        models: of one task, by name.
        images: not trained on.

    Raises:
        ValueError, OSError: if an image can't be read, or the task can't be posed on it.
    """
    task = next(iter(models.values())).task
    protocol = Protocol().of_task(task)
    variants = protocol.variants(task)
    step = max(len(images) / SCENES, 1.0)
    chosen = [images[int(k * step)] for k in range(min(SCENES, len(images)))]
    made = []
    for k, image in enumerate(chosen):
        strength, posed = variants[k % len(variants)]
        whole = whole_draw(posed, middle_of(image, task.scale), protocol.seed)
        shown = {"corrupted": whole.task.unrestored(whole.draw)}
        for name, model in models.items():
            shown[name] = restored_by(model.tiled, whole, protocol).cpu()
        shown["clean"] = whole.draw["clean"]
        low, high = task.value_range
        as_written = {
            name: ((x[0] - low) / (high - low)).clamp(0, 1).expand(3, -1, -1)
            for name, x in shown.items()
        }
        said = strength if len(variants) > 1 else ""
        made.append(Scene(Path(image.key or image.name).name, said, as_written))
    return sorted(made, key=lambda scene: -scene.difference)


def middle_of(image: NamedImage, scale: int) -> NamedImage:
    """The middle of an image, and of its companion, `SIDE` pixels a side where it has them."""
    pixels = image.open()
    side = SIDE // scale * scale
    top, left = ((max(n - side, 0) // 2) // scale * scale for n in pixels.shape[:2])
    low = image.low
    part = pixels[top : top + side, left : left + side]
    if low is None:
        return replace(image, open=lambda: part)
    rows = slice(top // scale, (top + side) // scale)
    columns = slice(left // scale, (left + side) // scale)
    return replace(image, open=lambda: part, low=lambda: low()[rows, columns])
