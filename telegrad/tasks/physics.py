"""Any operator of deepinv as a task: y = A(x) + σ·z."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.networks.calling import Condition
from telegrad.options import NEEDED, option
from telegrad.tasks.base import Draw, check_draw, check_images, noise_levels
from telegrad.tasks.operator import Back, Operator, check_arguments, operator_class, operator_for
from telegrad.tasks.restoration import RestorationTask, Span, ends, said, uniform, white_noise

SEED = 20260101
"""Of what is random when an operator is built, such as a mask: of every run, and of evaluations."""

PROBE, FACTORS = 32, (3, 5, 7)
"""Height and width of the images that tell how much smaller measured images are; so many times
larger ones tell it where 32 is no multiple of that."""


@dataclass(frozen=True, kw_only=True)
class Physics(RestorationTask):
    """y = A(x) + σ·z, z ~ N(0, I), A an operator of `deepinv.physics`; the target is x.

    The network is given y where that has the images' shape, else the image Aᵀy (or A⁺y); and σ, if
    it takes `sigma`.

    On each level A is built once for that level's size, from the same arguments and the same seed:
    lengths, such as a kernel's, are in the level's own pixels, and random masks are drawn anew. x
    is averaged; z is carried so that it stays white, also as the noise of an image that A makes
    smaller. For measurements that are no images the noise on every level is drawn by the sample's
    own seed.

    The operator must be fixed once it is built, and without noise of its own; what is random in it
    is the same for all images. Coarse levels pose the same problem in pixels of a smaller image.

    Raises:
        ValueError: if deepinv is missing, for another class, or arguments that it does not take.

    Source: Tachella et al., *DeepInverse: A Python package for solving imaging inverse problems
    with deep learning*, 2025; that networks are given Aᵀy, its `ArtifactRemoval`.
    """

    condition: ClassVar[Condition | None] = "sigma"

    physics: str = option(
        NEEDED,
        "operator: a name in deepinv.physics, such as Inpainting, or the path of a class derived "
        "from deepinv.physics.Physics",
    )
    arguments: dict[str, Any] | None = option(
        None, "of the operator, by name; or one by one: --physics.mask 0.5", items_of="physics"
    )
    noise: Span = option(
        0.0,
        "standard deviation of the noise on 0 … 255, from 0 to 255: 5, or 0..20 drawn per image",
    )
    back: Back = option("adjoint", "what makes an image of measurements of another shape")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.noises  # noqa: B018  raises for what can't be
        check_arguments(operator_class(self.physics), self.arguments or {})

    def __hash__(self) -> int:
        return hash((self.physics, self._json, str(self.noise), self.back, self.color))

    @property
    def name(self) -> str:
        short = self.physics.rpartition(".")[2].lower()
        return f"physics_{short}_n{said(self.noises)}"

    @property
    def noises(self) -> tuple[float, float]:
        """The least and the largest, on 0 … 255."""
        return ends("noise", self.noise, least=0, most=255)

    @property
    def scale(self) -> int:
        """How many times larger images are than measured ones; 1 if these are no images."""
        for times in (1, *FACTORS):
            try:
                operator = self.operator(times * PROBE, times * PROBE)
            except ValueError:  # that size is not for it; others are tried where they are known
                return 1
            if operator.factor or not operator.measures_images:
                return operator.factor or 1
        return 1

    @property
    def divisor(self) -> int:  # type: ignore[override]
        return self.scale

    def at_size(self, finest: tuple[int, int]) -> Physics:
        """The same, once the operator can be built for (height, width) pixels.

        Raises:
            ValueError: if it can't.
        """
        self.operator(*finest)
        return self

    def operator(self, height: int, width: int, device: torch.device | str = "cpu") -> Operator:
        """A for images of that size.

        Raises:
            ValueError: see `operator_for`.
        """
        kind, size = operator_class(self.physics), (self.channels, height, width)
        return operator_for(kind, self._json, self.back, SEED, size, str(device))

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        noise = white_noise(clean, generator, "Physics.draw")
        sigma = uniform(clean, self.noises, generator) / 255
        seeds = torch.randint(2**62, (len(clean),), generator=generator, device=clean.device)
        return {"clean": clean, "noise": noise, "sigma": sigma, "noise_seed": seeds}

    def observe(self, draw: Draw) -> Tensor:
        n, _, height, width = shape = tuple(draw["clean"].shape)
        check_draw("Physics.observe", draw, clean=shape, noise=shape, sigma=(n,), noise_seed=(n,))
        operator = self.operator(height, width, draw["clean"].device)
        y = operator.measure(draw["clean"])
        if self.noises[1]:
            sigma = draw["sigma"].view(-1, *[1] * (y.ndim - 1))
            y = y + sigma * noise_like(y, draw)
        y = operator.physics.sensor(y)
        return y if operator.keeps_shape else operator.back(y, self.back)

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """Measured images as the network is given them, at their restored size; and their noise.

        Args:
            image: (n, c, h, w) in the task's range, as the operator measures.
            noise: its standard deviation; at most the largest trained on is told to the network.

        Raises:
            ValueError: also where measurements are no images of the same channels.
        """
        check_images("Physics.prepare", image)
        height, width = (self.scale * n for n in image.shape[-2:])
        operator = self.operator(height, width, image.device)
        if operator.factor is None:
            raise ValueError(
                f"Physics.prepare: {self.physics} measures {operator.measured} of images "
                f"{operator.size}; image files can't be restored, only its measurements: "
                f"task.operator(height, width).back(y, {self.back!r})."
            )
        low, high = (sigma / 255 for sigma in self.noises)
        sigma = noise_levels(image, noise).clamp(low, high)
        return image if operator.keeps_shape else operator.back(image, self.back), sigma

    @property
    def _json(self) -> str:
        return json.dumps(self.arguments or {}, sort_keys=True)


def noise_like(y: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
    """White noise of unit variance for measurements y (n, …), of a draw on the same level.

    The draw's own where y has the images' shape; where it is smaller images, s·(its mean over s×s),
    so that it is coupled between levels as the noise itself is. Else by each sample's own seed.
    """
    z = draw["noise"]
    if y.shape == z.shape:
        return z
    c, h, w = z.shape[1:]
    smaller = y.ndim == 4 and y.shape[1] <= c and h % y.shape[2] == 0 == w % y.shape[3]
    if smaller and (s := h // y.shape[2]) == w // y.shape[3]:
        return s * F.avg_pool2d(z[:, : y.shape[1]], s)
    drawn = torch.empty_like(y)
    for sample, seed in zip(drawn, draw["noise_seed"].tolist(), strict=True):
        sample.normal_(generator=torch.Generator(y.device).manual_seed(seed))
    return drawn
