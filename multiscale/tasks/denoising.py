"""Denoising: x_t = (1 − t)·x + t·z with Gaussian noise z and a random time t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from multiscale.grids import Restriction
from multiscale.tasks.base import Draw, Network, Task


@dataclass(frozen=True)
class Denoising(Task):
    """x_t = (1 − t)·x + t·z, z ~ N(0, I), t ~ U(0, t_max); the target is x, the loss the MSE.

    Args:
        t_max: largest time, in (0, 1]; 0.1 by default. At t the noise has the standard deviation t
            on images in [−1, 1].
        restriction: how each field of a draw is carried to the next coarser level. By default the
            image is averaged and the noise stays white with unit variance, so that each level is
            the same denoising problem. The authors' code takes every second pixel of both:
            {"clean": "injection", "noise": "injection"}.
    """

    name: ClassVar[str] = "denoising"
    t_max: float = 0.1
    restriction: Mapping[Any, Restriction] = field(
        default_factory=lambda: {"clean": "averaging", "noise": "white_noise"}
    )

    def __post_init__(self) -> None:
        if not 0 < self.t_max <= 1:
            raise ValueError(f"Denoising: t_max={self.t_max}, needs a time in (0, 1].")

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        n, device = len(clean), clean.device
        noise = torch.empty_like(clean).normal_(generator=generator)
        time = self.t_max * torch.rand(n, generator=generator, device=device)
        return {"clean": clean, "noise": noise, "time": time}

    def observe(self, draw: Draw) -> Tensor:
        t = draw["time"][:, None, None, None]
        return (1 - t) * draw["clean"] + t * draw["noise"]

    def restore(self, network: Network, draw: Draw) -> Tensor:
        return network(self.observe(draw), draw["time"])

    def losses(self, network: Network, draw: Draw) -> Tensor:
        return (self.restore(network, draw) - draw["clean"]).square().mean((1, 2, 3))
