"""Layers that the networks share: normalisation over channels, embedding of times."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Self


class RestorationNetwork(nn.Module):
    """A network called as `network(images, times)`, or as `network(images)`.

    It can be kept in a folder as the Hugging Face hub keeps networks, by `save_pretrained` and
    `from_pretrained`; these need `telegrad[hub]`.

    Attributes:
        divisor: the heights and widths of images must be multiples of it.
        smallest: least height and width of images, in pixels.
        local: whether what becomes of a pixel depends on its surroundings alone, so that images of
            any size are restored alike. Attention and statistics over the whole image are not.
    """

    divisor: int = 1
    smallest: int = 1
    local: bool = True

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        network: Self = super().__new__(cls)
        given = inspect.signature(cls).bind_partial(*arguments, **named).arguments
        network.__dict__["_arguments"] = dict(given)
        return network

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes the constructor's arguments and the weights into a folder, which is made.

        Raises:
            FileExistsError: if there is a network already.
            ValueError: if huggingface_hub is not installed.
        """
        from telegrad.networks.hub import save_network

        save_network(self, self.__dict__["_arguments"], folder)

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> Self:
        """The network that `save_pretrained` wrote, or that a repository holds, for evaluation.

        Args:
            name: of the folder, or of a repository on the hub.
            options: see `hub.load_network`.

        Raises:
            ValueError: if huggingface_hub is not installed.
            OSError: if there is no such folder or repository.
        """
        from telegrad.networks.hub import load_network

        found = load_network(cls, name, **options)
        assert isinstance(found, cls)
        return found


def check_call(network: nn.Module, weight: Tensor, x: Tensor, t: Tensor | None) -> None:
    """Raises ValueError or TypeError for images or times that don't suit the first layer's weight.

    It looks at them from outside only, so that nothing waits for the device.
    """
    name, channels = type(network).__name__, weight.shape[1]
    for what in (x, t):
        if what is not None and not isinstance(what, Tensor):
            raise TypeError(f"{name}: got a {type(what).__name__}; needs tensors (images, times).")
    if x.ndim != 4 or x.shape[1] != channels or not x.numel() or not x.is_floating_point():
        raise ValueError(
            f"{name}: images of shape {tuple(x.shape)} and type {x.dtype}; needs "
            f"(n, {channels}, h, w) of floating point, one or more."
        )
    if t is not None and (t.shape != x.shape[:1] or not t.is_floating_point()):
        raise ValueError(
            f"{name}: times of shape {tuple(t.shape)} and type {t.dtype} for {len(x)} images; "
            f"needs ({len(x)},) of floating point."
        )
    devices = {str(what.device) for what in (x, t, weight) if what is not None}
    if len(devices) > 1:
        raise ValueError(
            f"{name}: images, times and weights on {' and '.join(sorted(devices))}; needs all on "
            f"one device."
        )


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of each pixel over its channels.

    It does not look at other pixels, so it acts alike on images of every size: on all levels while
    training, and on a tile as on the whole image afterwards.

    Shape:
        (n, c, h, w) → (n, c, h, w)
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class TimeEmbedding(nn.Module):
    """Sines and cosines of the time at geometrically spaced frequencies, then two linear layers.

    Args:
        features: of the sines and cosines together; even.
        out_features: of the result.

    Shape:
        (n,) times in [0, 1] → (n, out_features)

    Source: Vaswani et al. 2017 (frequencies); Ho et al. 2020 (time of a diffusion, 0 … 1000).
    """

    def __init__(self, features: int, out_features: int) -> None:
        super().__init__()
        exponents = torch.arange(features // 2) / (features // 2)
        self.register_buffer("frequencies", 1000 * torch.exp(-math.log(10_000) * exponents))
        self.hidden = nn.Linear(features, out_features)
        self.out = nn.Linear(out_features, out_features)

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None] * self.get_buffer("frequencies")
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        return self.out(F.silu(self.hidden(waves)))


def embedded(
    network: nn.Module, embedding: TimeEmbedding | None, t: Tensor | None
) -> Tensor | None:
    """The times, embedded; None for a network that has no embedding.

    Raises:
        ValueError: if it has one and there are no times.
    """
    if embedding is None:
        return None
    if t is None:
        name = type(network).__name__
        raise ValueError(f"{name}: got no times; call it with (images, times), or time=False.")
    out: Tensor = embedding(t)
    return out


def zero_(layer: nn.Module) -> nn.Module:
    """The layer, with its parameters set to zero: what it is added to begins unchanged."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
