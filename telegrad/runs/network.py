"""A run's network before it is built: its arguments, and what it needs of the sizes of images."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from telegrad.networks import Needs, needs_of
from telegrad.networks.calling import Call
from telegrad.runs.component import Component
from telegrad.runs.magnitude import without_memory
from telegrad.tasks import Task

CHANNELS = frozenset(
    "in_channels out_channels in_nc out_nc in_chans out_chans num_in_ch num_out_ch in_ch out_ch "
    "inp_channels input_channels output_channels img_channel img_channels n_colors dd_in".split()
)
"""Names of arguments for the channels of images, as networks in use have them."""

SCALES = frozenset(
    "scale upscale up_scale upsampling upscale_factor upscaling_factor scale_factor".split()
)
"""Names of arguments for how many times larger images come out."""


def network_arguments(network: Component, task: Task) -> dict[str, Any]:
    """What the task sets of the network's arguments: channels, scale, whether there are times.

    An argument is taken for one of these by its name, and by its default: a whole number or none,
    of `time` true or false.

    Raises:
        ValueError: if the user gave another value than the task needs.
    """
    if network.instance is not None:
        return {}
    parameters = _parameters(network.factory)
    wanted: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name in CHANNELS | SCALES:
            if _is_number_or_none(parameter.default):
                wanted[name] = task.channels if name in CHANNELS else task.enlarges
        elif name in task.network_arguments and isinstance(parameter.default, bool):
            wanted[name] = task.network_arguments[name]
    for name, value in wanted.items():
        given = network.init_args.get(name, value)
        if given not in (value, parameters[name].default):
            raise ValueError(
                f"network {network.short_name}: {name}={given!r}, and {task.name} needs {value}. "
                f"Leave --network.{name} out, since the task sets it{_way_out(name, given, task)}."
            )
    return wanted


def needs_for(network: Component, task: Task) -> Needs:
    """What the network will need of the sizes of images; found out once, without memory if it goes.

    Nothing is raised for a network that can't be built: that is said where it is built.
    """
    if network.instance is not None:
        return needs_of(network.instance, task.call)
    more = network_arguments(network, task)
    arguments = json.dumps([dict(network.init_args), more], sort_keys=True, default=str)
    key = (network.factory, arguments, task.call)
    if key not in _found:
        _found[key] = _tried(network, more, task.call)
    return _found[key]


_found: dict[tuple[Callable[..., Any], str, Call], Needs] = {}


def _tried(network: Component, more: Mapping[str, Any], call: Call) -> Needs:
    own = getattr(network.factory, "divisor", 1)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            built = without_memory(network, more) or network.build(**more)
            return needs_of(built, call)
        except Exception:  # a network of the user's own can fail in any way
            return Needs(own if isinstance(own, int) else 1)


def _parameters(factory: Callable[..., nn.Module]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}


def _is_number_or_none(default: Any) -> bool:
    return default is inspect.Parameter.empty or type(default) is int


def _way_out(name: str, given: Any, task: Task) -> str:
    """Which task would need what was given."""
    if name in CHANNELS and hasattr(task, "color") and given in (1, 3):
        return f", or use --color {'grey' if given == 1 else 'rgb'}"
    if name in SCALES and given in (2, 3, 4, 8):
        return f", or use the task superresolution with --scale {given}"
    return ""
