"""What spandrel says of its architectures: which sizes they take, and whether they suit tiles."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from telegrad.dotted import is_class

ROOM = "spandrel.architectures"


def descriptor_of(network: nn.Module) -> Any:
    """Spandrel's description of one of its networks, of its form; None if there is none.

    Spandrel finds the form out by the names and shapes of weights, and makes a second network of
    that form, which is thrown away.

    Source: spandrel, `ModelDescriptor`: `size_requirements`, `tiling`.
    """
    module = type(network).__module__
    if not module.startswith(f"{ROOM}."):
        return None
    name = ".".join(module.split(".")[:3])
    room, base = importlib.import_module(name), importlib.import_module("spandrel").Architecture
    architectures: Iterator[Any] = (
        what for what in vars(room).values() if is_class(what, base) and what.__module__ == name
    )
    architecture = next(architectures, None)
    if architecture is None:
        return None
    weights = dict(network.state_dict())
    device = torch.device("meta" if any(w.is_meta for w in weights.values()) else "cpu")
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), device:
        warnings.simplefilter("ignore")  # weights without data can't be copied, nor need they
        try:
            return architecture().load(weights)
        except Exception:  # a form that it can't tell, or can't without data
            return None


def own_images(network: nn.Module) -> nn.Module:
    """The network, given a copy of its images: some of spandrel's change them in place."""
    network.register_forward_pre_hook(_copied)
    return network


def is_of_zoo(network: nn.Module) -> bool:
    """Whether it is one of spandrel's."""
    return type(network).__module__.startswith(f"{ROOM}.")


def _copied(network: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return (arguments[0].clone(), *arguments[1:])
