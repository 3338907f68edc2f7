"""A model's weights and description, from whichever file of a run was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.files import read_tensors, read_yaml
from telegrad.records import RunDirectory
from telegrad.training.checkpoint import read_checkpoint, read_safetensors

WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.")
"""What DistributedDataParallel, torch.compile and trainers put before the names of weights."""

SHOWN = 3
"""Names of weights in a message."""


@dataclass(frozen=True)
class StoredModel:
    """What a file holds of a model: how its run was described, and the weights of its network."""

    described: Any
    weights: Mapping[str, Tensor]


def read_model(path: Path) -> StoredModel:
    """A model from its `_best.pt`, its `.safetensors`, its run's directory or a state in that.

    Raises:
        OSError: if a file can't be read.
        ValueError: if it is none of these, is damaged, or holds weights alone.
    """
    if path.is_dir() or path.name == "config.yaml":
        return read_model(best_of(path if path.is_dir() else path.parent))
    if path.suffix == ".safetensors":
        weights, facts = read_safetensors(path)
        if "configuration" not in facts:
            raise ValueError(_weights_alone(weights))
        return StoredModel(json.loads(facts["configuration"]), weights)
    content = read_checkpoint(path)
    if {"model_state_dict", "configuration"} <= content.keys():
        return StoredModel(content["configuration"], content["model_state_dict"])
    if {"network", "average"} <= content.keys() and (path.parent / "config.yaml").is_file():
        average = content["average"]
        weights = content["network"] if average is None else _without("n_averaged", average)
        return StoredModel(read_yaml(path.parent / "config.yaml"), weights)
    if "stages" in content:
        raise ValueError("it is the state of a run, without its config.yaml; give models/…_best.pt")
    raise ValueError("it does not say how its network is made")


def best_of(directory: Path) -> Path:
    """The best model of the run in a directory.

    Raises:
        ValueError: if it is not the directory of a run that has one.
    """
    best = RunDirectory.at(directory).best
    if not best.is_file():
        raise ValueError(f"the run has no model yet: {best} is missing")
    return best


def foreign(path: Path) -> str | None:
    """Words for a file of weights that another program wrote; None if it is no such file."""
    try:
        content = read_tensors(path)
    except Exception:  # a torn or foreign file can fail in any way
        return None
    if not isinstance(content, Mapping):
        return None
    for name in ("state_dict", "params_ema", "params", "model_state_dict", "model"):
        if isinstance(content.get(name), Mapping):
            content = content[name]
            break
    weights = {n: v for n, v in content.items() if isinstance(n, str) and isinstance(v, Tensor)}
    return _weights_alone(weights) if weights else None


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights into a network, whatever wrappers their names have before them.

    Raises:
        ValueError: if they are of another network; the message names weights that differ.
    """
    own = network.state_dict()
    weights = _unwrapped(weights, own)
    other = [
        f"{name} is {_shape(weights[name])} in the file and {_shape(value)} in the network"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    groups = (
        ("of another width", other),
        ("missing from the file", [name for name in own if name not in weights]),
        ("not in the network", [name for name in weights if name not in own]),
    )
    wrong = [f"{what}: {_few(names)}" for what, names in groups if names]
    if wrong:
        raise ValueError(
            f"its weights are not those of {type(network).__name__} as it is described "
            f"({'; '.join(wrong)}). Give the network that was trained: --network CLASS "
            f"--network.ARGUMENT …."
        )
    try:
        network.load_state_dict(dict(weights))
    except Exception as error:  # a network of the user's own can fail in any way
        raise ValueError(reason(error)) from error


def _unwrapped(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The weights under names that the network has, if leaving out wrappers leads to them."""
    plain = {name.replace("_orig_mod.", ""): value for name, value in weights.items()}
    while not plain.keys() & own.keys():
        wrapper = next((w for w in WRAPPERS if all(n.startswith(w) for n in plain)), None)
        if wrapper is None or not plain:
            return weights
        plain = {name.removeprefix(wrapper): value for name, value in plain.items()}
    return weights if weights.keys() == own.keys() else plain


def _weights_alone(weights: Mapping[str, Any]) -> str:
    return (
        f"it holds weights alone ({_few(list(weights))}), and not how their network is made; give "
        f"the models/…_best.pt or .safetensors of a run"
    )


def _without(name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: value for n, value in weights.items() if n != name}


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))


def _shape(weight: Tensor) -> str:
    return "×".join(map(str, weight.shape)) or "a number"
