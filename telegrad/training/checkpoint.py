"""Checkpoints: written whole or not at all, checked when read, and read without unpickling."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn


def save_best(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    level: int,
    iteration: int,
    train_loss: float,
    valid_loss: float,
    configuration: dict[str, Any],
) -> None:
    """The best model, as `path` and, weights alone, beside it with the suffix .safetensors.

    The file holds `model_state_dict`, `optimizer_state_dict`, `level`, `iteration`, `train_loss`,
    `valid_loss`, the run's `configuration`, and a `checksum` of all that.

    Raises:
        OSError: if it can't be written; nothing on disk has changed then.
    """
    weights = network.state_dict()
    content = {
        "model_state_dict": weights,
        "optimizer_state_dict": optimizer.state_dict(),
        "level": level,
        "iteration": iteration,
        "train_loss": train_loss,
        "valid_loss": valid_loss,
        "configuration": configuration,
    }
    write_checkpoint(path, content)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    facts = {"configuration": json.dumps(configuration), "iteration": str(iteration)}
    encoded = safetensors_bytes(plain, metadata=facts)
    _replace(path.with_suffix(".safetensors"), lambda file: file.write(encoded))


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Saves `content` with its checksum: aside, flushed to disk, then renamed."""
    checked = {**content, "checksum": checksum(content)}
    _replace(path, lambda file: torch.save(checked, file))


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` wrote. Nothing is unpickled (`weights_only=True`).

    Raises:
        ValueError: if it was altered since, or has no checksum.
        Exception: of many kinds, from torch, for a file that is torn or of another program.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or "checksum" not in content:
        raise ValueError("it has no checksum, so another program wrote it")
    expected = content.pop("checksum")
    if checksum(content) != expected:
        raise ValueError("its checksum is not that of its content")
    return _on(device, content)


def write_state(path: Path, content: dict[str, Any]) -> None:
    """As `write_checkpoint`, and what was there before stays beside it as `previous_of(path)`."""
    aside = path.with_name(path.name + ".new")
    write_checkpoint(aside, content)
    try:
        if path.exists():
            os.replace(path, previous_of(path))
        os.replace(aside, path)
    except OSError as error:
        raise _unwritable(path, error) from error


def read_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The newest whole state: `path`, or the one before it with a warning; None if there is none.

    Raises:
        ValueError: if there are states, and none of them is whole.
    """
    damaged = []
    for candidate in (path, previous_of(path)):
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
            f"resume: no state can be used ({'; '.join(damaged)}). Remove them to start anew."
        )
    return None


def reason(error: Exception) -> str:
    """An error in one line."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def previous_of(path: Path) -> Path:
    return path.with_name("previous.pt")


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


def _replace(path: Path, save: Callable[[Any], object]) -> None:
    """Writes aside, flushes to disk, then renames: an older file stays whole until then."""
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> OSError:
    return OSError(
        f"checkpoint {path}: can't be written ({error}); free some space or choose another "
        f"results_dir. What was there before is unchanged."
    )
