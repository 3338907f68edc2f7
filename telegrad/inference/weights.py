"""A model's weights and description, from whichever file of a run was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from telegrad.files import read_tensors, read_yaml
from telegrad.networks.weights import few, fit, weights_in
from telegrad.records import best_of
from telegrad.training.checkpoint import read_checkpoint, read_safetensors


@dataclass(frozen=True)
class StoredModel:
    """What a file holds of a model.

    Attributes:
        described: how its run was.
        weights: of its network.
        level: the finest one that these were trained on last; None if it is not known.
    """

    described: Any
    weights: Mapping[str, Tensor]
    level: int | None


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
        level = facts.get("level")  # versions until 0.1 did not note it
        known = None if level is None else int(level)
        return StoredModel(json.loads(facts["configuration"]), weights, known)
    content = read_checkpoint(path)
    if {"model_state_dict", "configuration"} <= content.keys():
        level = content.get("level")
        return StoredModel(content["configuration"], content["model_state_dict"], level)
    if {"network", "average"} <= content.keys() and (path.parent / "config.yaml").is_file():
        described = read_yaml(path.parent / "config.yaml")
        return StoredModel(described, weights_in(content), _level_of_state(content))
    if "stages" in content:
        raise ValueError("it is the state of a run, without its config.yaml; give models/…_best.pt")
    raise ValueError("it does not say how its network is made")


def _level_of_state(state: Mapping[str, Any]) -> int | None:
    left = state["progress"]["iteration"]
    for stage in state["stages"]:
        left -= stage["steps"]
        if left <= 0:
            return int(stage["finest"])
    return None


def foreign(path: Path) -> str | None:
    """Words for a file of weights that another program wrote; None if it is no such file."""
    try:
        content = read_tensors(path)
    except Exception:  # a torn or foreign file can fail in any way
        return None
    ours = isinstance(content, Mapping) and "checksum" in content
    weights = {} if ours else weights_in(content)
    return _weights_alone(weights) if weights else None


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights into a network, whatever wrappers their names have before them.

    Raises:
        ValueError: if they are of another network; the message names weights that differ.
    """
    found = fit(network, weights)
    if found.differences:
        raise ValueError(
            f"its weights are not those of {type(network).__name__} as it is described "
            f"({found.differences}). Give the network that was trained: --network CLASS "
            f"--network.ARGUMENT …."
        )
    found.put_into(network)


def _weights_alone(weights: Mapping[str, Any]) -> str:
    return (
        f"it holds weights alone ({few(list(weights))}), and not how their network is made; give "
        f"the models/…_best.pt or .safetensors of a run"
    )
