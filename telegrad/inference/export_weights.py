"""Weights alone as files: in safetensors, and as spandrel recognizes them."""

from __future__ import annotations

import copy
import io
import math
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.inference.export_program import Made
from telegrad.inference.unit_range import LEAST, OnUnitRange, three_sizes
from telegrad.networks import WithNoiseLevel, WithoutTime
from telegrad.networks.weights import COMPILED, fit

OTHER_WAYS = "Use --to onnx or --to torch, which hold the whole computation"


def safetensors_file(function: OnUnitRange, suffix: str, size: int | None) -> Made:
    """The weights, under the names that the network's own class gives them."""
    content = save(weights_of(function.network), metadata={"format": "pt"})
    again = copy.deepcopy(function)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.fill_(torch.nan)  # what the file lacks is noticed
    fit(again.network, load(content)).put_into(again.network)
    return Made(content, again, function.unit, three_sizes(function.unit))


def spandrel_file(function: OnUnitRange, suffix: str, size: int | None) -> Made:
    """The weights as spandrel's `ModelLoader` takes them.

    Raises:
        ValueError: for a task or a network that spandrel does not know.
    """
    from spandrel import ImageModelDescriptor, ModelLoader

    name = type(architecture_of(function.network)).__name__
    low, high = function.task.value_range
    if (low, high) != (0, 1):
        raise ValueError(
            f"export: {function.task.name} trains on images in [{low:g}, {high:g}], and spandrel "
            f"gives networks images in [0, 1]. {OTHER_WAYS}, or train a task of images in [0, 1]."
        )
    if function.takes_sigma:
        raise ValueError(
            f"export: {name} is given the noise level, and spandrel gives networks images alone. "
            f"{OTHER_WAYS}."
        )
    weights = weights_of(function.network)
    if suffix == ".pth":
        file = io.BytesIO()
        torch.save({"params": weights}, file)
        content = file.getvalue()
    else:
        content = save(weights, metadata={"format": "pt"})
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, f"weights{suffix}")
        path.write_bytes(content)
        try:
            loaded = ModelLoader().load_from_file(path)
        except Exception as error:  # of many kinds, by the architecture that it takes it for
            raise ValueError(
                f"export: spandrel does not load {name} ({reason(error)}). {OTHER_WAYS}."
            ) from error
    if not isinstance(loaded, ImageModelDescriptor):
        raise ValueError(f"export: spandrel takes {name} for a model with masks. {OTHER_WAYS}.")
    needs = loaded.size_requirements
    unit = math.lcm(function.unit, needs.multiple_of)
    return Made(content, loaded, unit, three_sizes(unit, max(LEAST, needs.minimum)), clips=True)


def architecture_of(network: nn.Module) -> nn.Module:
    """The network itself, without an adapter around it."""
    return network.model if isinstance(network, (WithoutTime, WithNoiseLevel)) else network


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Weights by the names of the network's own class, each with memory of its own."""
    state = architecture_of(network).state_dict()
    return {
        name.replace(COMPILED, ""): value.detach().cpu().clone().contiguous()
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
