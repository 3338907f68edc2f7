"""What a network takes beside its images: looked up in its signature, never guessed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Condition = Literal["time", "sigma"]
"""What a network may be given beside its images: the time of corruption, or the standard deviation
of the noise, each (n,) in [0, 1]."""

NAMES: dict[str, Condition] = {
    **dict.fromkeys(("t", "time", "times", "timestep", "timesteps"), "time"),
    **dict.fromkeys(("sigma", "sigmas", "noise_level", "noise_std", "std"), "sigma"),
}
"""Names of a second argument, and what it is taken for."""

WORDS = {"time": "times", "sigma": "a noise level sigma"}


@dataclass(frozen=True)
class Call:
    """How a task calls a network.

    Attributes:
        condition: what it has for it beside the images.
        channels: of images.
        enlarges: how many times larger images come out, a side.
    """

    condition: Condition | None = "time"
    channels: int = 3
    enlarges: int = 1


_MARK = "_telegrad_takes_images_alone"


def accept(network: nn.Module, condition: Condition | None) -> nn.Module:
    """The same network, callable as network(images, second), or network(images) if there is none.

    One that takes images alone, or further arguments that are optional and not of this name, is
    called with the images. Its weights keep their names.

    Args:
        network: any.
        condition: what the task has for it.

    Raises:
        ValueError: if its second argument is needed and is something else, or if it is a scripted
            module that takes images alone.
    """
    if takes(network, condition) or hasattr(network, _MARK):
        return network
    name = type(network).__name__
    if why := misfit(network, condition):
        raise ValueError(f"{name}: {why}.")
    if condition is None:
        return network
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError(
            f"{name}: takes images alone, and as a scripted module it can't be changed. Wrap it: "
            f"telegrad.networks.WithoutTime(model)."
        )
    network.register_forward_pre_hook(_images_alone)
    setattr(network, _MARK, True)
    return network


def accept_times(network: nn.Module) -> nn.Module:
    """`accept(network, "time")`: for `network(images, times)`."""
    return accept(network, "time")


def takes(network: nn.Module, condition: Condition | None) -> bool:
    """Whether the network's own forward takes this beside its images."""
    return condition is not None and second_argument(network)[0] == condition


def takes_times(network: nn.Module) -> bool:
    """Whether the network's own forward takes times.

    Raises:
        ValueError: see `second_argument`.
    """
    return takes(network, "time")


def second_argument(network: nn.Module) -> tuple[Condition | None, bool]:
    """What the network's own forward takes beside its images, and whether it must be given.

    A wrapper, such as `torch.optim.swa_utils.AveragedModel` or what `torch.compile` returns, takes
    what the network in it takes.

    Raises:
        ValueError: if it is needed, and of no name that is known.
    """
    parameters = list(inspect.signature(network.forward).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        passes_on = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inner = getattr(network, "module", getattr(network, "_orig_mod", None))
        if passes_on and isinstance(inner, nn.Module):
            return second_argument(inner)
        return None, False
    second = positional[1]
    needed = second.default is second.empty
    if needed and second.name not in NAMES:
        raise ValueError(
            f"{type(network).__name__}: its second argument is {second.name!r}, which is not known "
            f"to be times or a noise level; needs forward(images), forward(images, t) or "
            f"forward(images, sigma). Wrap it in a module of one of these forms."
        )
    return NAMES.get(second.name), needed


def misfit(network: nn.Module, condition: Condition | None) -> str | None:
    """Why a network can't be called as a task calls it; None if it can."""
    wants, needed = second_argument(network)
    if not needed or wants is None or wants == condition:
        return None
    has = "none" if condition is None else WORDS[condition]
    way_out = "use a network of images alone"
    if wants == "sigma" and condition == "time":
        way_out = "wrap it: telegrad.networks.WithNoiseLevel(model) makes sigma of times"
    return f"it needs {WORDS[wants]}, and the task has {has}; {way_out}"


def _images_alone(network: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return arguments[:1]
