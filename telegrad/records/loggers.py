"""The loggers that a run may be followed with: CSV, TensorBoard, Weights & Biases."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from telegrad.errors import reason

LOGGERS = ("csv", "tensorboard", "wandb")
"""By their names."""

NEEDS: dict[str, tuple[str, str]] = {
    "tensorboard": ("torch.utils.tensorboard", "'telegrad[tensorboard]'"),
    "wandb": ("wandb", "wandb"),
}
"""The module that a logger needs, and what has it."""


def check_loggers(names: Sequence[str]) -> None:
    """Raises ValueError unless what these loggers need is installed."""
    for name in names:
        if name not in NEEDS:
            continue
        module, package = NEEDS[name]
        try:
            importlib.import_module(module)
        except Exception as error:  # a package that is torn can fail in any way
            raise ValueError(
                f"tracker={name} needs a package that is not here ({reason(error)}); install it "
                f"with: pip install {package}. Or leave {name} out."
            ) from error


def logger_of(
    name: str, directory: Path, run: str, configuration: Mapping[str, Any], done: int
) -> Callable[[], Any]:
    """What opens a logger of Lightning Fabric; what it needs is imported here.

    Args:
        name: of the logger, see `LOGGERS`.
        directory: in which it has a folder of its name.
        run: the run's name.
        configuration: all that describes the run, as plain data.
        done: steps made until now; what an earlier run, or this one before it was stopped, left of
            later ones there is dropped.
    """
    importlib.import_module("lightning_fabric.loggers")
    check_loggers([name])
    if name == "csv":
        return lambda: _csv(directory / name, done)
    if name == "tensorboard":
        return lambda: _tensorboard(directory / name, done)
    return lambda: _wandb(directory / name, run, configuration)


def _csv(folder: Path, done: int) -> Any:
    """One table for each time that the run began or went on, named by the steps before."""
    from lightning_fabric.loggers import CSVLogger

    for table in folder.glob("from_*/metrics.csv"):
        steps = table.parent.name.removeprefix("from_")
        if steps.isdecimal() and int(steps) >= done:
            table.unlink()
    return CSVLogger(folder.parent, name=folder.name, version=f"from_{done}")


def _tensorboard(folder: Path, done: int) -> Any:
    from lightning_fabric.loggers import TensorBoardLogger

    if done == 0:
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
    more: dict[str, Any] = {"purge_step": done + 1} if done else {}
    return TensorBoardLogger(folder.parent, name=folder.name, version="", **more)


def _wandb(folder: Path, run: str, configuration: Mapping[str, Any]) -> Any:
    """A run there each time that the run began or went on; they are one group."""
    import wandb  # type: ignore[import-not-found,unused-ignore]
    from lightning_fabric.loggers.logger import Logger

    folder.mkdir(parents=True, exist_ok=True)
    opened = wandb.init(
        project="telegrad", name=run, group=run, dir=str(folder), config=dict(configuration)
    )

    class WandbLogger(Logger):
        """As Fabric knows loggers."""

        name, version = run, None

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            opened.log(metrics, step=step)

        def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
            opened.config.update(dict(params))

        def log_picture(self, name: str, image: Tensor, step: int) -> None:
            pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
            opened.log({name: wandb.Image(pixels)}, step=step)

        def finalize(self, status: str) -> None:
            opened.finish(exit_code=0 if status == "success" else 1)

    return WandbLogger()
