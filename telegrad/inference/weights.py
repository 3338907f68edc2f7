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
        crop: height and width in pixels of what it was trained to make last; None if it is not
            known, as of version 0.1.
    """

    described: Any
    weights: Mapping[str, Tensor]
    crop: int | None


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
        return StoredModel(json.loads(facts["configuration"]), weights, _crop(facts))
    content = read_checkpoint(path)
    crop = _crop(content)
    if {"model_state_dict", "configuration"} <= content.keys():
        return StoredModel(content["configuration"], content["model_state_dict"], crop)
    if {"network", "average"} <= content.keys() and (path.parent / "config.yaml").is_file():
        described = read_yaml(path.parent / "config.yaml")
        return StoredModel(described, weights_in(content), crop)
    if "stages" in content:
        raise ValueError("it is the state of a run, without its config.yaml; give models/…_best.pt")
    raise ValueError("it does not say how its network is made")


def _crop(facts: Mapping[str, Any]) -> int | None:
    crop = facts.get("crop")
    if crop is None:
        return None
    if not str(crop).isdecimal() or int(crop) < 1:
        raise ValueError(f"its crop is {crop!r}, which is no number of pixels")
    return int(crop)


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
