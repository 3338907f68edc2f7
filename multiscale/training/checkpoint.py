"""The best model on disk: written whole or not at all, and read without unpickling."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn


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
    """Writes aside, flushes to disk, then renames: an older file stays whole until then.

    The file holds `model_state_dict`, `optimizer_state_dict`, `level`, `iteration`, `train_loss`,
    `valid_loss` and the run's `configuration`.

    Raises:
        OSError: if it can't be written; nothing on disk has changed then.
    """
    aside = path.with_name(path.name + ".part")
    content = {
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "level": level,
        "iteration": iteration,
        "train_loss": train_loss,
        "valid_loss": valid_loss,
        "configuration": configuration,
    }
    try:
        with aside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise OSError(
            f"checkpoint {path}: can't be written ({error}); free some space or choose another "
            f"results_dir. What was there before is unchanged."
        ) from error


def load_best(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `save_best` wrote. Nothing is unpickled (`weights_only=True`)."""
    return torch.load(path, map_location=device, weights_only=True)
