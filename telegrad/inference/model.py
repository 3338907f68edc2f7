"""A trained model, read back from its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.files import expanded
from telegrad.inference.weights import foreign, load_weights, read_model
from telegrad.networks import needs_of
from telegrad.networks.calling import takes
from telegrad.networks.tiles import LARGEST_TILE, Tiled
from telegrad.runs.build import Device, build_network, build_objective
from telegrad.runs.component import Component
from telegrad.runs.config import Config
from telegrad.tasks import Objective, Task


@dataclass(frozen=True)
class Model:
    """A network with its best weights, in evaluation mode, and the run that trained it.

    Attributes:
        config: of the run.
        objective: its task and loss.
        network: with the weights.
        crop: height and width in pixels of what it was trained to make last; None for what the run
            was told.
    """

    config: Config
    objective: Objective
    network: nn.Module
    crop: int | None = None

    @property
    def task(self) -> Task:
        return self.objective.task

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @cached_property
    def takes_noise(self) -> bool:
        """Whether what is made of an image depends on the noise that is said to be in it."""
        task = self.task
        if task.condition is None:
            return False
        side = max(self.config.build_data().crop // task.scale, task.divisor)
        white = torch.ones(1, task.channels, side, side, device=self.device)
        (without, _), (noisy, _) = (task.prepare(white, noise) for noise in (0.0, 0.1))
        return takes(self.network, task.condition) or not torch.equal(without, noisy)

    def check_noise(self, call: str, noise: float | None) -> None:
        """Raises ValueError if noise is named that would make no difference."""
        if noise is not None and not self.takes_noise:
            raise ValueError(
                f"{call}: noise is given, and {self.config.network.short_name}, trained for "
                f"{self.task.name}, is not told of any: it restores what there is. Leave noise out."
            )

    @property
    def tiled(self) -> Tiled:
        """The network for images of any size."""
        local = needs_of(self.network, self.task.call).local
        crop = LARGEST_TILE if local else self.crop or self.config.build_data().crop
        return Tiled(self.network, self.task.call, crop)

    @property
    def tile(self) -> int:
        """Side in pixels of what the network sees at once of a larger image."""
        return self.tiled.tile

    def restored(
        self, images: Tensor, second: Tensor | None = None, tile: int | None = None
    ) -> Tensor:
        """What the network makes of images of any size; see `Tiled`."""
        return self.tiled(images, second, tile)


def load_model(
    checkpoint: str | Path, device: Device = "cpu", network: Component | nn.Module | None = None
) -> Model:
    """The model of a run, from its `_best.pt` or another of its files. Nothing is unpickled.

    The file may be a stranger's: what it names must be classes of the kinds that a run has, and
    nothing else is called.

    Args:
        checkpoint: `models/…_best.pt`, the `.safetensors` beside it, the run's directory, or a
            state in that (`last.pt`).
        device: for the network.
        network: in place of the one that the file names: for a run whose network was made by a
            function, or given from Python.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this program, is damaged, names something that is
            not there, or holds other weights than its network has.
    """
    if "\0" in str(checkpoint):
        raise ValueError(f"checkpoint {str(checkpoint)!r}: needs the name of a run's _best.pt.")
    path = Path(expanded(str(checkpoint)))
    if not path.exists():
        raise FileNotFoundError(f"checkpoint {path}: no such file; needs a run's _best.pt.")
    try:
        torch.empty(0, device=device).cpu()
    except Exception as error:  # a torch without CUDA asserts; the meta device has no data
        raise ValueError(f"device={device} can't be used: {error}") from error
    try:
        stored = read_model(path)
    except Exception as error:  # a foreign or torn file can fail in any way
        why = foreign(path) or reason(error)
        raise ValueError(
            f"checkpoint {path}: not a model that `telegrad train` has written, or damaged ({why})."
        ) from error
    instead = {} if network is None else {"network": Component.of("network", network)}
    try:
        _check_described(stored.described, instead)
        config = Config.from_dict(stored.described, **instead)
        objective, built = build_objective(config), build_network(config)
        load_weights(built, stored.weights)
    except Exception as error:  # a network of the user's own can fail in any way
        raise ValueError(f"checkpoint {path}: {' '.join(str(error).split())}") from error
    built.to(device).eval()
    return Model(config, objective, built, stored.crop)


def _check_described(described: Any, instead: dict[str, Any]) -> None:
    """Raises ValueError if the file does not say how the network is made, and nobody else does."""
    if "network" in instead or not isinstance(described, dict):
        return
    network = described.get("network")
    if network == "own":
        raise ValueError(
            "of a network of your own, made by version 0.1, which did not note its class; name it: "
            "--network my_module.MyNet, or load_model(checkpoint, network=…)."
        )
    if isinstance(network, dict) and network.get("init_args", {}) is None:
        raise ValueError(
            f"of a network that was given as an object of {network.get('class_path')}, with "
            f"arguments that are not known; name it with them: --network "
            f"{network.get('class_path')} --network.ARGUMENT …, or load_model(checkpoint, "
            f"network=…)."
        )
