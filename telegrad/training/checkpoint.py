"""Checkpoints: written whole or not at all, checked when read, and read without unpickling."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

from telegrad.atomic import write_whole
from telegrad.errors import reason
from telegrad.files import read_tensors


def save_best(
    best: Path,
    weights: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    level: int,
    crop: int,
    iteration: int,
    train_loss: float,
    valid_loss: float,
    configuration: dict[str, Any],
) -> None:
    """The best model, as `best`, and its weights alone in the safetensors format, as `weights`.

    `best` holds `model_state_dict`, `optimizer_state_dict`, `level`, `crop`, `iteration`,
    `train_loss`, `valid_loss`, the run's `configuration`, and a `checksum` of all that.

    Raises:
        OSError: if one can't be written; it is unchanged then.
    """
    tensors = network.state_dict()
    content = {
        "model_state_dict": tensors,
        "optimizer_state_dict": optimizer.state_dict(),
        "level": level,
        "crop": crop,
        "iteration": iteration,
        "train_loss": train_loss,
        "valid_loss": valid_loss,
        "configuration": configuration,
    }
    write_checkpoint(best, content)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    facts = {"configuration": json.dumps(configuration), "iteration": str(iteration)}
    facts["crop"] = str(crop)
    write_whole(weights, safetensors_bytes(plain, metadata=facts))


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Saves `content` with its checksum.

    Raises:
        OSError: if it can't be written; what was there is unchanged.
    """
    checked = {**content, "checksum": checksum(content)}
    write_whole(path, lambda file: torch.save(checked, file))


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` wrote. Nothing is unpickled (`weights_only=True`).

    Raises:
        ValueError: if it was altered since, or has no checksum.
        Exception: of many kinds, from torch, for a file that is torn or of another program.
    """
    content = read_tensors(path)
    if not isinstance(content, dict) or "checksum" not in content:
        raise ValueError("it has no checksum, so another program wrote it")
    expected = content.pop("checksum")
    if checksum(content) != expected:
        raise ValueError("its checksum is not that of its content")
    return _on(device, content)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights and what stands beside them, such as a run's configuration.

    Raises:
        OSError, ValueError: if it can't be read, or is not a whole file of that format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"it is damaged, or of another format ({error})") from error


def write_state(last: Path, previous: Path, content: dict[str, Any]) -> None:
    """Saves a run's state as `last`; the one that was there stays, as `previous`.

    At every instant at least one of the two is whole.

    Raises:
        OSError: if it can't be written; the states on disk remain.
    """
    aside = last.with_name(last.name + ".new")
    write_checkpoint(aside, content)
    try:
        if last.exists():
            os.replace(last, previous)
        os.replace(aside, last)
    except OSError as error:
        raise OSError(
            f"{last} can't be written ({error}); make its directory writable, or choose another "
            f"with --out. The states that were there remain."
        ) from error


def read_state(
    last: Path, previous: Path, device: torch.device | str = "cpu"
) -> dict[str, Any] | None:
    """The newest whole state: `last`, or else `previous` with a warning; None if there is none.

    Raises:
        ValueError: if there are states, and none of them is whole.
    """
    damaged = []
    for candidate in (last, previous):
        if not candidate.exists():
            continue
        try:
            content = read_checkpoint(candidate, device)
        except Exception as error:  # a torn or foreign file can fail in any way
            damaged.append(f"{candidate}: {reason(error)}")
            continue
        for text in damaged:
            warnings.warn(
                f"resume: went back to the state before a damaged one ({text})", stacklevel=2
            )
        return content
    if damaged:
        raise ValueError(
            f"resume: no state can be used ({'; '.join(damaged)}). Put back a whole one, or start "
            f"anew with --overwrite and without --resume."
        )
    return None


def checksum(content: Any) -> str:
    """SHA-256 of all tensors, numbers and names in nested dictionaries and lists."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            digest.update(f"dict{len(value)}".encode())
            for key, part in value.items():
                add(key)
                add(part)
        elif isinstance(value, (list, tuple)):
            digest.update(f"list{len(value)}".encode())
            for part in value:
                add(part)
        else:
            digest.update(repr(value).encode())

    add(content)
    return digest.hexdigest()


def _on(device: torch.device | str, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return type(value)((key, _on(device, part)) for key, part in value.items())
    if isinstance(value, list):
        return [_on(device, part) for part in value]
    return value
