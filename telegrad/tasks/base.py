"""A task: what is random in a draw, and how a draw is observed on any level."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from telegrad.losses import MSE, Loss, per_sample
from telegrad.mge.restriction import Restriction
from telegrad.options import check_options, option

Draw = dict[str, Tensor]
"""Fields of n draws on one level, by name; the samples come first."""

Network = Callable[..., Tensor]
"""Called as network(images, times), images (n, c, h, w) in [−1, 1], times (n,) in [0, 1]; or, in a
task without times, as network(images)."""

LevelRule = Literal["physical", "pixel"]
"""What an operator with a length is on a coarse level. `physical`: the same continuous problem, so
lengths in pixels halve with the resolution. `pixel`: the same problem in pixels, of a smaller
image."""

ImageRule = Literal["averaging", "injection"]
"""How coarse images come about: averages of 2×2 pixels, or every second pixel."""


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One restoration problem, posed alike on every level.

    `draw` makes everything random about a sample on the sample's own finest level. The estimator
    then restricts the draw, each field by its rule, and `observe` looks at it on whichever level it
    lies: first restrict, then observe, so that a coarse level poses the same problem at the same
    noise.

    A task of your own is one class derived from this: a frozen dataclass with the options it needs
    and the methods `draw` and `observe`.

    Attributes:
        name: in the names of runs.
        smallest: least height and width of a level, in pixels.
        divisor: heights and widths of levels must be multiples of it.
        timed: whether draws have a time, which the network is then given.
        pairs: whether `draw` takes an image's companion of half the size, `low`, if there is one.
        pixelwise: whether the corruption of a pixel depends on that pixel alone, so that patches
            pose the same problem.
        logs_ssim: whether SSIM stands beside the loss in the log of validations.
        scale: how many times larger a restored image is than the one given to `prepare`.
        default_network: short name of the network that is trained where none is named.
        network_arguments: arguments of networks that have them, unless they are given.
    """

    name: ClassVar[str]
    smallest: ClassVar[int] = 1
    divisor: ClassVar[int] = 1
    timed: ClassVar[bool] = True
    pairs: ClassVar[bool] = False
    pixelwise: ClassVar[bool] = False
    logs_ssim: ClassVar[bool] = False
    scale: ClassVar[int] = 1
    default_network: ClassVar[str] = "UNet"
    network_arguments: ClassVar[Mapping[str, Any]] = {}

    restriction: ImageRule = option(
        "averaging",
        "how coarse levels come about: images averaged and noise kept white, or every second pixel "
        "of both (injection)",
    )

    def __post_init__(self) -> None:
        check_options(self)

    @abstractmethod
    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        """Draws of clean images (n, 3, h, w) in [−1, 1]; all randomness comes from `generator`.

        The field `clean` is what the network's output is compared with.
        """

    @abstractmethod
    def observe(self, draw: Draw) -> Tensor:
        """The corrupted images (n, 3, h, w) that the network is given."""

    @property
    def rules(self) -> Mapping[Any, Restriction]:
        """How each field of a draw is carried to the next coarser level; see `restrict`."""
        noise = "white_noise" if self.restriction == "averaging" else self.restriction
        return {"clean": self.restriction, "noise": noise}

    @property
    def smallest_useful(self) -> int:
        """Least height and width of a level, in pixels, that is worth training on."""
        return max(8, self.smallest)

    @property
    def longest_time(self) -> float:
        """The largest time of a draw, in [0, 1]; 0 for a task that has none."""
        return float(getattr(self, "t_max", 0.0)) if self.timed else 0.0

    @property
    def default_loss(self) -> Loss:
        """What is trained on where nothing is said."""
        return MSE()

    def at_size(self, finest: tuple[int, int]) -> Task:
        """The task with its lengths meant on a finest level of (height, width) pixels."""
        return self

    def for_patches(self) -> Task:
        """The task as it is posed where coarse images are patches of the finest level's."""
        return self

    def restore(self, network: Network, draw: Draw) -> Tensor:
        """The network's restored images (n, 3, h, w)."""
        images = self.observe(draw)
        return network(images, draw["time"]) if self.timed else network(images)

    def losses(
        self,
        network: Network,
        draw: Draw,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The loss of the network on each draw, shape (n,); the task's own if none is given."""
        restored = self.restore(network, draw)
        check_restored(restored, draw)
        return per_sample(loss or self.default_loss, restored, draw["clean"])

    def prepare(self, image: Tensor, noise: float) -> tuple[Tensor, Tensor | None]:
        """What a network is given for photographs, and their times, if it takes any.

        A photograph Kx + σn has the form (1 − t)·Kx + t·z that training sees after scaling by 1 − t
        with t = σ/(1 + σ); t is at most the largest time that was trained on.

        Args:
            image: (n, 3, h, w) in [−1, 1].
            noise: its standard deviation σ on [−1, 1].

        Raises:
            ValueError: for images of another shape, or noise below 0.
        """
        check_images("Task.prepare", image)
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"Task.prepare: noise={noise}; needs a standard deviation from 0 on.")
        if not self.timed:
            return image, None
        t = min(noise / (1 + noise), self.longest_time)
        return (1 - t) * image, torch.full((len(image),), t, device=image.device)


def check_images(name: str, images: Tensor) -> None:
    """Raises ValueError or TypeError unless these are images (n, 3, h, w), by their outside."""
    if not isinstance(images, Tensor):
        raise TypeError(f"{name}: got a {type(images).__name__}; needs a tensor (n, 3, h, w).")
    if images.ndim != 4 or not images.numel() or not images.is_floating_point():
        raise ValueError(
            f"{name}: images of shape {tuple(images.shape)} and type {images.dtype}; needs "
            f"(n, 3, h, w) of floating point, one or more."
        )


def check_restored(restored: Tensor, draw: Draw) -> None:
    """Raises ValueError unless there is one restored image for each clean one, of its shape."""
    if restored.shape != draw["clean"].shape:
        raise ValueError(
            f"Task.losses: restored images of shape {tuple(restored.shape)}, clean ones of "
            f"{tuple(draw['clean'].shape)}; needs a network whose output has its input's shape."
        )


def check_draw(name: str, draw: Draw, **shapes: tuple[int, ...]) -> None:
    """Raises ValueError unless the draw has these fields, on one device."""
    got = {key: tuple(field.shape) for key, field in draw.items()}
    if any(got.get(key) != shape for key, shape in shapes.items()):
        raise ValueError(f"{name}: a draw with {got}; needs {shapes}.")
    if len({draw[key].device for key in shapes}) > 1:
        devices = {key: str(draw[key].device) for key in shapes}
        raise ValueError(f"{name}: a draw on {devices}; needs all of it on one device.")


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


def t_max_option() -> Any:
    """The largest time of corruption, as an option."""
    return option(
        0.1,
        "largest time of corruption t ~ U(0, t_max); noise has the standard deviation t on [−1, 1]",
        above=0,
        most=1,
    )
