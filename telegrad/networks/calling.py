"""Whether a network takes times: looked up in its signature, never guessed."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

TIMES = ("t", "time", "times", "timestep", "timesteps")
"""Names of a second argument that is taken for the times."""

_MARK = "_telegrad_takes_images_alone"


def accept_times(network: nn.Module) -> nn.Module:
    """The same network, callable as network(images, times).

    One that takes images alone, or further arguments that are optional and not named as times are,
    is called with the images. Its weights keep their names.

    Raises:
        ValueError: if its second argument is needed and is something else, such as a noise level,
            or if it is a scripted module.
    """
    if takes_times(network) or hasattr(network, _MARK):
        return network
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError(
            f"{type(network).__name__}: takes images alone, and as a scripted module it can't be "
            f"changed. Wrap it: telegrad.networks.WithoutTime(model)."
        )
    network.register_forward_pre_hook(_images_alone)
    setattr(network, _MARK, True)
    return network


def takes_times(network: nn.Module) -> bool:
    """Whether the network's own forward takes times.

    A wrapper, such as `torch.optim.swa_utils.AveragedModel` or what `torch.compile` returns, takes
    what the network in it takes.

    Raises:
        ValueError: see `accept_times`.
    """
    parameters = list(inspect.signature(network.forward).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        passes_on = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inner = getattr(network, "module", getattr(network, "_orig_mod", None))
        return passes_on and isinstance(inner, nn.Module) and takes_times(inner)
    second = positional[1]
    if second.name in TIMES:
        return True
    if second.default is second.empty:
        name = type(network).__name__
        raise ValueError(
            f"{name}: its second argument is {second.name!r}, which is not known to be the times; "
            f"needs forward(images) or forward(images, times). Wrap a model that takes images in "
            f"[0, 1] and their noise level: telegrad.networks.WithNoiseLevel(model)."
        )
    return False


def _images_alone(network: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return arguments[:1]
