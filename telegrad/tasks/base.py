"""A task: what is random in a draw, how a draw is observed on any level, and what the loss is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from telegrad.mge.grids import Restriction

Draw = dict[str, Tensor]
"""Fields of n draws on one level, by name; the samples come first."""

Network = Callable[..., Tensor]
"""Called as network(images, times), images (n, c, h, w) in [−1, 1], times (n,) in [0, 1]."""

LevelRule = Literal["physical", "pixel"]
"""What an operator with a length is on a coarse level. `physical`: the same continuous problem, so
lengths in pixels halve with the resolution. `pixel`: the same problem in pixels, of a smaller
image."""


class Task(ABC):
    """One restoration problem, posed alike on every level.

    `draw` makes everything random about a sample on the sample's own finest level. The estimator
    then restricts the draw, each field by its kind in `restriction`, and `observe` looks at it on
    whichever level it lies: first restrict, then observe, so that a coarse level poses the same
    problem at the same noise.

    Attributes:
        name: on the command line.
        smallest: least height and width of a level, in pixels.
        divisor: heights and widths of levels must be multiples of it.
        timed: whether draws have a time, which the network is then given.
        pairs: whether `draw` takes an image's companion of half the size, `low`, if there is one.
        pixelwise: whether the corruption of a pixel depends on that pixel alone; half of `auto`'s
            coarse images are then patches.
        logs_ssim: whether SSIM stands beside the loss in the log of validations.
        restriction: rule by field; see `telegrad.mge.grids`.
    """

    name: ClassVar[str]
    smallest: ClassVar[int] = 1
    divisor: ClassVar[int] = 1
    timed: ClassVar[bool] = True
    pairs: ClassVar[bool] = False
    pixelwise: ClassVar[bool] = False
    logs_ssim: ClassVar[bool] = False
    restriction: Mapping[Any, Restriction]

    @abstractmethod
    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        """Draws of clean images (n, 3, h, w) in [−1, 1]; all randomness comes from `generator`.

        The field `clean` is what the network's output is compared with.
        """

    @property
    def smallest_useful(self) -> int:
        """Least height and width of a level, in pixels, that `auto` trains on."""
        return max(8, self.smallest)

    @abstractmethod
    def observe(self, draw: Draw) -> Tensor:
        """The corrupted images (n, 3, h, w) that the network is given."""

    def restore(self, network: Network, draw: Draw) -> Tensor:
        """The network's restored images (n, 3, h, w)."""
        return network(self.observe(draw), draw["time"])

    def errors(self, restored: Tensor, draw: Draw) -> Tensor:
        """The loss of each restored image, shape (n,): the mean squared error."""
        check_restored(restored, draw)
        return (restored - draw["clean"]).square().mean((1, 2, 3))

    def losses(self, network: Network, draw: Draw) -> Tensor:
        """The loss of the network on each draw, shape (n,)."""
        return self.errors(self.restore(network, draw), draw)


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
            f"Task.errors: restored images of shape {tuple(restored.shape)}, clean ones of "
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


def check_t_max(task: str, t_max: float) -> None:
    if not isinstance(t_max, (int, float)) or not 0 < t_max <= 1:
        raise ValueError(f"{task}: t_max={t_max}, needs a time in (0, 1].")


def averaged_images_and_white_noise() -> dict[Any, Restriction]:
    """The default restriction: images averaged, noise white with unit variance on every level."""
    return {"clean": "averaging", "noise": "white_noise"}
