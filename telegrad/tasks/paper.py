"""What the paper's tasks share: images in [−1, 1], and a corruption that has a time.

x_t = (1 − t)·x_corrupted + t·z, z ~ N(0, I), t ~ U(0, t_max).

Source: Ahamed et al., *Multiscale Training of Convolutional Neural Networks*, TMLR 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from telegrad.losses import MSE, Loss
from telegrad.networks.calling import Condition
from telegrad.options import option
from telegrad.tasks.base import Draw, Task, check_draw, check_images, noise_levels


@dataclass(frozen=True, kw_only=True)
class PaperTask(Task):
    """A task as the paper has it."""

    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    default_network: ClassVar[str] = "UNet"
    default_optimizer: ClassVar[str | None] = "Adam"
    default_ema: ClassVar[float | None] = None
    default_data: ClassVar[str] = "EightPhotographs"
    default_strategy: ClassVar[str] = "Single"
    default_budget: ClassVar[str | None] = None

    @property
    def default_loss(self) -> Loss:
        return MSE()

    @property
    def network_arguments(self) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class TimedTask(PaperTask):
    """A task whose corruption has a time, which the network is given."""

    condition: ClassVar[Condition | None] = "time"

    t_max: float = option(
        0.1,
        "largest time of corruption t ~ U(0, t_max); noise has the standard deviation t on [−1, 1]",
        above=0,
        most=1,
    )

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """What a network is given for photographs, and their times.

        A photograph Kx + σn has the form (1 − t)·Kx + t·z that training sees after scaling by 1 − t
        with t = σ/(1 + σ); t is at most the largest time that was trained on.

        Args:
            image: (n, 3, h, w) in [−1, 1].
            noise: its standard deviation σ on [−1, 1], or one for each image, (n,).

        Raises:
            ValueError: for images of another shape, or noise below 0.
        """
        check_images("Task.prepare", image)
        sigma = noise_levels(image, noise)
        t = (sigma / (1 + sigma)).clamp(max=self.t_max)
        return (1 - t)[:, None, None, None] * image, t


def draw_noise_and_time(clean: Tensor, t_max: float, generator: torch.Generator) -> Draw:
    """Clean images with Gaussian noise z ~ N(0, I) and times t ~ U(0, t_max)."""
    check_images("Task.draw", clean)
    if generator.device.type != clean.device.type:
        raise ValueError(
            f"Task.draw: images on {clean.device}, generator on {generator.device}; needs both on "
            f"one device."
        )
    noise = torch.empty_like(clean)
    as_it_lies = noise if noise.is_contiguous() else noise.permute(0, 2, 3, 1)  # 8 times faster
    as_it_lies.normal_(generator=generator)
    time = t_max * torch.rand(len(clean), generator=generator, device=clean.device)
    return {"clean": clean, "noise": noise, "time": time}


def at_time(corrupted: Tensor, draw: Draw) -> Tensor:
    """x_t = (1 − t)·x_corrupted + t·z."""
    shape = tuple(corrupted.shape)
    check_draw("Task.observe", draw, clean=shape, noise=shape, time=shape[:1])
    t = draw["time"][:, None, None, None]
    return (1 - t) * corrupted + t * draw["noise"]
