"""Weights that a run starts from: read from a file safely, and what of them was taken."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.files import read_tensors, sha256_of
from telegrad.networks.weights import few, fit, weights_in
from telegrad.records import best_of
from telegrad.runs.settings import Init
from telegrad.training.checkpoint import read_checkpoint, read_safetensors

LISTED = 10
"""Names in a note; all of them are in the run's inputs.json."""


@dataclass(frozen=True)
class InitialWeights:
    """What a run starts from.

    Attributes:
        file: name of the file.
        sha256: of its bytes.
        taken: how many weights.
        unused: names in the file that were not taken.
        initial: names in the network that stayed at their initial values.
    """

    file: str
    sha256: str
    taken: int
    unused: list[str]
    initial: list[str]

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @property
    def notes(self) -> list[str]:
        """What a user should know, a line each."""
        lines = [f"starts from {self.taken} weights of {self.file} (SHA-256 {self.sha256[:16]}…)"]
        if self.unused:
            lines.append(f"not used of it, {len(self.unused)}: {few(self.unused, LISTED)}")
        if self.initial:
            lines.append(
                f"at their initial values, {len(self.initial)}: {few(self.initial, LISTED)}"
            )
        return lines


def start_from(init: Init, network: nn.Module) -> InitialWeights | None:
    """Gives a network the weights that it shall start from; None if it shall have its own.

    The file may be a stranger's: nothing is unpickled. Weights are understood alone or among other
    things (`state_dict`, `params_ema`, `params`, `model_state_dict`, `model`), and under the names
    that wrappers give them (`module.`, `_orig_mod.`, `model.`, `net.`).

    Args:
        init: the file, and whether all of it must fit.
        network: with its initial weights; it is changed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights, can't be read safely, or its weights are not those of
            the network: with `strict` all must be, without it one must.
    """
    if init.path is None:
        return None
    path = Path(init.path)
    if not path.exists():
        raise FileNotFoundError(
            f"init={path}: no such file; needs a .safetensors, .pth or .pt file of weights, or the "
            f"directory of a run."
        )
    try:
        file = best_of(path) if path.is_dir() else path
        weights, digest = _weights_of(file), sha256_of(file)
    except Exception as error:  # a foreign or torn file can fail in any way
        said = reason(error) if not isinstance(error, ValueError) else str(error)
        raise ValueError(
            f"init={path}: no weights that can be read safely ({said}). Of a program that you "
            f"trust, save them anew as .safetensors."
        ) from error
    found, name = fit(network, weights), type(network).__name__
    if init.strict and found.differences:
        raise ValueError(
            f"init={path}: its weights are not those of {name} ({found.differences}). Give the "
            f"network that they are of, with its arguments, or take what fits: --init.strict false."
        )
    if not found.taken:
        raise ValueError(
            f"init={path}: none of its weights ({few(list(weights))}) fits {name} "
            f"({few(found.missing)}). Give the network that they are of, with its arguments."
        )
    try:
        found.put_into(network)
    except ValueError as error:
        raise ValueError(f"init={path}: {error}") from error
    return InitialWeights(
        *(file.name, digest, len(found.taken)),
        unused=[*found.unused, *found.reshaped.values()],
        initial=[*found.missing, *found.reshaped],
    )


def _weights_of(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        weights, _ = read_safetensors(file)
    else:
        content = read_tensors(file)
        if isinstance(content, dict) and "checksum" in content:
            content = read_checkpoint(file)
        weights = weights_in(content)
    if not weights:
        raise ValueError("there are no tensors by name in it")
    return weights
