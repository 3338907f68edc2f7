"""A task: what is random in a draw, and how a draw is observed on any level."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from telegrad.losses import L1, Loss, per_sample
from telegrad.mge.restriction import Restriction
from telegrad.networks.calling import Call, Condition
from telegrad.options import check_options, option

Draw = dict[str, Tensor]
"""Fields of n draws on one level, by name; the samples come first."""

Network = Callable[..., Tensor]
"""Called as network(images), images (n, c, h, w) in the task's range; or with a second argument
(n,), if the task has one: see `Task.condition`."""

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
        smallest: least height and width of a level, in pixels.
        divisor: heights and widths of levels must be multiples of it.
        value_range: of images, from black to white.
        condition: the field of a draw, (n,), that a network is given as its second argument if it
            takes one of that name: `time`, `sigma`, or none.
        pairs: whether `draw` takes an image's companion, `low`, if there is one.
        needs_pairs: whether it can't do without.
        pixelwise: whether the corruption of a pixel depends on that pixel alone, or on a small
            block around it, so that patches pose the same problem.
        logs_ssim: whether SSIM stands beside the loss in the log of validations.
        strength: the option that is the strength of its corruption, of which papers report
            several values: `sigma`, `quality`, or none.
        stored: whether the field keeps corrupted images in files of 8 bits, so that an evaluation
            rounds them: see `store`.
        scale: how many times larger a restored image is than the one given to `prepare`, a side.
        enlarges: how many times larger a network's output is than what it is given, a side.
        channels: of images, 3 for RGB and 1 for grey.
        default_network, default_data, default_strategy: short names, where none are said.
        default_optimizer: likewise; None for the strategy's, or AdamW if it has none.
        default_budget: of that strategy, where no length is said; None if it has its own length.
        default_ema: decay of the average of weights that is validated; None for no average.
    """

    smallest: ClassVar[int] = 1
    divisor: ClassVar[int] = 1
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    condition: ClassVar[Condition | None] = None
    pairs: ClassVar[bool] = False
    needs_pairs: ClassVar[bool] = False
    pixelwise: ClassVar[bool] = False
    logs_ssim: ClassVar[bool] = False
    strength: ClassVar[str | None] = None
    stored: ClassVar[bool] = False
    default_optimizer: ClassVar[str | None] = None
    default_ema: ClassVar[float | None] = 0.999
    default_network: ClassVar[str] = "GatedUNet"
    default_data: ClassVar[str] = "Photographs"
    default_strategy: ClassVar[str] = "Race"
    default_budget: ClassVar[str | None] = "3min"

    restriction: ImageRule = option(
        "averaging",
        "how coarse levels come about: images averaged and noise kept white, or every second pixel "
        "of both (injection)",
    )

    def __post_init__(self) -> None:
        check_options(self)

    @property
    @abstractmethod
    def name(self) -> str:
        """Of the task, in the names of runs; a class attribute will do."""

    @abstractmethod
    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        """Draws of clean images (n, c, h, w) in the task's range; all that is random comes from
        `generator`.

        The field `clean` is what the network's output is compared with.
        """

    @abstractmethod
    def observe(self, draw: Draw) -> Tensor:
        """The corrupted images (n, c, h, w) that the network is given."""

    def store(self, draw: Draw) -> Draw:
        """The draw as if its corrupted images had been written to files of 8 bits and read back.

        For evaluation, where `stored`; training sees them unrounded.
        """
        return draw

    def unrestored(self, draw: Draw) -> Tensor:
        """The corrupted images, as large as the clean ones, to compare the network's with."""
        return self.observe(draw)

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
    def default_loss(self) -> Loss:
        """What is trained on where nothing is said."""
        return L1()

    @property
    def scale(self) -> int:
        return 1

    @property
    def enlarges(self) -> int:
        return 1

    @property
    def channels(self) -> int:
        return 3

    @property
    def turns(self) -> bool:
        """Whether training images are flipped and turned by 90° at random, beside mirroring."""
        return False

    @property
    def call(self) -> Call:
        """How it calls a network."""
        return Call(self.condition, self.channels, self.enlarges)

    @property
    def network_arguments(self) -> Mapping[str, Any]:
        """Arguments that networks get which have them."""
        c = self.channels
        return {"time": False, "in_channels": c, "out_channels": c, "scale": self.enlarges}

    @property
    def files(self) -> Mapping[str, Path]:
        """The user's files that draws are made of, by name; a run notes what is in them."""
        return {}

    def images(self, pixels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Images (n, c, h, w) in the task's range, of pixels (n, 3, h, w) of uint8, by field."""
        low, high = self.value_range
        width = 255 / (high - low)
        images = {name: field.float() / width + low for name, field in pixels.items()}
        return images if self.channels == 3 else {name: grey(x) for name, x in images.items()}

    def rounded(self, images: Tensor) -> Tensor:
        """Images in the task's range as files of 8 bits have them: clipped, 256 values."""
        low, high = self.value_range
        levels = ((images - low) / (high - low) * 255).clamp(0, 255).round()
        return levels / 255 * (high - low) + low

    def at_size(self, finest: tuple[int, int]) -> Task:
        """The task with its lengths meant on a finest level of (height, width) pixels."""
        return self

    @property
    def measured(self) -> Task:
        """The task as an evaluation of whole images poses it, where papers have their own way."""
        return self

    def for_patches(self) -> Task:
        """The task as it is posed where coarse images are patches of the finest level's."""
        return self

    def restore(self, network: Network, draw: Draw) -> Tensor:
        """The network's restored images, of the clean ones' shape."""
        images = self.observe(draw)
        return network(images) if self.condition is None else network(images, draw[self.condition])

    def losses(
        self,
        network: Network,
        draw: Draw,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The loss of the network on each draw, shape (n,); the task's own if none is given."""
        restored = self.restore(network, draw)
        check_restored(restored, draw)
        return per_sample(self.loss_on_range(loss), restored, draw["clean"])

    def loss_on_range(
        self, loss: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """A loss, by default the task's own, for images of the task's range."""
        low, high = self.value_range
        loss = self.default_loss if loss is None else loss
        return loss.for_range(high - low) if isinstance(loss, Loss) else loss

    def prepare(self, image: Tensor, noise: float | Tensor) -> tuple[Tensor, Tensor | None]:
        """What a network is given for photographs, and its second argument, if it takes any.

        Args:
            image: (n, c, h, w) in the task's range.
            noise: its standard deviation, on that range; or one for each image, (n,), whose
                values are not looked at.

        Raises:
            ValueError: for images of another shape, or noise below 0.
        """
        check_images("Task.prepare", image)
        check_noise(noise)
        return image, None


def grey(images: Tensor) -> Tensor:
    """The luma (n, 1, h, w) of RGB images (n, 3, h, w), as ITU-R BT.601 weights the colors."""
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    return (weights * images).sum(1, keepdim=True)


def noise_levels(image: Tensor, noise: float | Tensor) -> Tensor:
    """Standard deviations (n,) of the noise in images (n, c, h, w), of one or of as many."""
    check_noise(noise)
    return noise if isinstance(noise, Tensor) else image.new_full(image.shape[:1], noise)


def check_noise(noise: float | Tensor) -> None:
    """Raises ValueError for a number that can't be a standard deviation."""
    if isinstance(noise, Tensor):
        return
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"Task.prepare: noise={noise}; needs a standard deviation from 0 on.")


def check_images(name: str, images: Tensor) -> None:
    """Raises ValueError or TypeError unless these are images (n, c, h, w), by their outside."""
    if not isinstance(images, Tensor):
        raise TypeError(f"{name}: got a {type(images).__name__}; needs a tensor (n, c, h, w).")
    if images.ndim != 4 or not images.numel() or not images.is_floating_point():
        raise ValueError(
            f"{name}: images of shape {tuple(images.shape)} and type {images.dtype}; needs "
            f"(n, c, h, w) of floating point, one or more."
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
