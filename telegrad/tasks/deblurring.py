"""Deblurring: y = k ∗ x + σ·z with a kernel k of its own for each image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from telegrad.mge.restriction import Restriction
from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw
from telegrad.tasks.blurring import blurred
from telegrad.tasks.kernel_files import kernel_files, read_kernels
from telegrad.tasks.kernels import gaussian_kernels, gaussian_side, motion_kernels, motion_side
from telegrad.tasks.restoration import (
    RestorationTask,
    Span,
    check_choice,
    check_random,
    ends,
    said,
    uniform,
    white_noise,
)

Blur = Literal["gaussian", "motion", "folder"]


@dataclass(frozen=True, kw_only=True)
class Deblurring(RestorationTask):
    """y = k ∗ x + σ·z, z ~ N(0, I), not clipped; the target is x, and the network isn't told k.

    The kernel k is drawn per image: a Gaussian, a random path of a shaken camera, or one of a
    folder. Beyond its edges an image goes on by reflection, as no photograph is periodic. To cut
    what is blurred out of a larger image would be truer at edges, and would leave no pixel of a
    level that is as small as the kernel.

    On a coarse level the image is averaged, and blurred by the same kernel in pixels; the noise
    keeps its standard deviation. Each level poses the same problem to a smaller image, and natural
    images look alike on all levels: that couples gradients far better than the kernel of the scene,
    which is no blur any more on coarse levels (`docs/problems.md`).

    Noise of 1 % is the literature's: without it a blur is undone by dividing by its spectrum, which
    works on no photograph.

    Source: Zhang et al., *Learning deep CNN denoiser prior for image restoration* (IRCNN), CVPR
    2017, for σ = 1.6 pixels and noise; `motion_kernels` for motion.
    """

    blur: Blur = option(
        "gaussian", "kernels: gaussian; motion: random paths of a shaken camera; folder: your own"
    )
    sigma: Span | None = option(
        None,
        "standard deviation of the Gaussian in pixels, from 0 to 30: 1.6 (the default), or 0.5..4 "
        "drawn per image",
    )
    length: Span | None = option(
        None,
        "of motion in pixels, from 0 to 250: 15, or 5..25 (the default) drawn per image; twice the "
        "largest distance of the path from its middle",
    )
    kernels: str | None = option(
        None,
        "folder of kernels of odd sides, for blur=folder: grey images, which are divided by their "
        "sum, or .npy files of sum one",
        path=True,
    )
    noise: float = option(
        2.55, "standard deviation of the noise on 0 … 255; 2.55 is 1 %", least=0, most=255
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        owners = {"sigma": "gaussian", "length": "motion", "kernels": "folder"}
        check_choice(self, "blur", owners)
        if self.blur == "folder" and self.kernels is None:
            raise ValueError("blur=folder: needs the folder of your kernels; say --kernels DIR.")
        self.smallest  # noqa: B018  raises for what can't be

    @property
    def span(self) -> tuple[float, float]:
        """The least and the largest σ or length, in pixels."""
        if self.blur == "gaussian":
            return ends("sigma", 1.6 if self.sigma is None else self.sigma, least=0, most=30)
        return ends("length", "5..25" if self.length is None else self.length, least=0, most=250)

    @property
    def name(self) -> str:
        letter = {"gaussian": "_s", "motion": "_l"}.get(self.blur)
        return f"deblurring_{self.blur}" + (f"{letter}{said(self.span)}" if letter else "")

    @cached_property
    def own_kernels(self) -> Tensor:
        """Those of the folder, (m, a, b)."""
        return read_kernels(self.files)

    @property
    def files(self) -> Mapping[str, Path]:
        return {} if self.kernels is None else kernel_files(self.kernels)

    @property
    def smallest(self) -> int:  # type: ignore[override]
        """The side of the largest kernel, which an image must hold."""
        if self.blur == "folder":
            return max(self.own_kernels.shape[1:])
        side_of = gaussian_side if self.blur == "gaussian" else motion_side
        return side_of(self.span[1])

    @property
    def rules(self) -> Mapping[Any, Restriction]:
        return {**super().rules, "kernel": "unchanged"}

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        """Fields: `clean`, `kernel` (n, a, b) and `noise`."""
        check_random("Deblurring.draw", clean, generator)
        kernel = self._kernels(clean, generator)
        return {
            "clean": clean,
            "kernel": kernel,
            "noise": white_noise(clean, generator, "Deblurring.draw"),
        }

    def _kernels(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        if self.blur == "folder":
            own = self.own_kernels.to(clean.device)
            drawn = torch.randint(len(own), (len(clean),), generator=generator, device=clean.device)
            return own[drawn]
        widths = uniform(clean, self.span, generator)
        if self.blur == "gaussian":
            return gaussian_kernels(widths, self.smallest)
        return motion_kernels(widths, self.smallest, generator)

    def observe(self, draw: Draw) -> Tensor:
        shape = tuple(draw["clean"].shape)
        kernels = (shape[0], *draw["kernel"].shape[1:]) if "kernel" in draw else (shape[0],)
        check_draw("Deblurring.observe", draw, clean=shape, kernel=kernels, noise=shape)
        return blurred(draw["clean"], draw["kernel"]) + self.noise / 255 * draw["noise"]
