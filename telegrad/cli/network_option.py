"""A network named on the command line, in place of the one that a model's file names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from telegrad import pretrained
from telegrad.files import expanded
from telegrad.inference.model import Model, load_model
from telegrad.runs.component import Component, resolve
from telegrad.runs.compose import arguments_of


def model_of(checkpoint: str, device: str, options: Mapping[str, str]) -> Model:
    """The checkpoint's model; with another network, if the options name one.

    Args:
        checkpoint: a run's `_best.pt`, or its directory; or the name of a network that comes along,
            unless a file or a run's directory has it.
        device: for the network.
        options: `network` and its arguments, or nothing.

    Raises:
        ValueError, OSError: as `load_model`.
    """
    if not options and checkpoint in pretrained.names() and not _is_of_a_run(Path(checkpoint)):
        return pretrained.load(checkpoint, device)
    if not options:
        if not Path(expanded(checkpoint)).exists():
            raise FileNotFoundError(
                f"{checkpoint}: no such file; needs a run's _best.pt, or one that comes along: "
                f"{', '.join(pretrained.names())}."
            )
        return load_model(Path(checkpoint), device)
    if "network" not in options:
        raise ValueError(f"--{next(iter(options))} needs --network beside it.")
    what = resolve("network", options["network"], functions=True)
    arguments = arguments_of("network", what, options)
    return load_model(Path(checkpoint), device, Component.of("network", what, **arguments))


def _is_of_a_run(path: Path) -> bool:
    """Whether it may hold a model: a file, or a run's directory, rather than a folder of images."""
    is_of_runs = path.resolve().parent.name == "runs"
    return path.is_file() or (is_of_runs and (path / "config.yaml").is_file())
