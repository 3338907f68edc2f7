"""Options of a run on the command line: files of options, everyday ones, help."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telegrad.files import expanded, read_yaml
from telegrad.runs.compose import DIRECT, EVERYDAY, compose, names_of, parser_for, selected
from telegrad.runs.config import Config, parts_from_file
from telegrad.runs.recipes import recipe
from telegrad.runs.settings import SETTINGS

HEAD = {
    "data": "folder of images; or a dataset: Photographs (the default), CIFAR10, …",
    "size": "height and width of the crops on the finest level, in pixels",
    "network": "GatedUNet, PlainCNN, UNet, ResNet, …, or a dotted path: spandrel's, yours",
    "strategy": "Race (the default), Auto, Single, FullMultiscale, Cascadic, …, or your own",
    "budget": "of work or time: 5000wu, 90s, 10min, 2h; 3min by default",
    "steps": "optimizer steps, instead, then by Single where no strategy is named; or --work_units",
    "batch_sizes": "samples on every level, coarsest first: 8,4,2,1",
    "device": "auto, cpu, cuda, cuda:1, mps, …",
    "seed": "of crops, noise and weights",
    "out": "directory for models, logs and runs",
    "recipe": "a run that comes along; telegrad recipes lists them",
}
"""What most people need, and what it means."""


def read_options(file: str) -> dict[str, Any]:
    """What a YAML file holds by name.

    Raises:
        ValueError, OSError: if it can't be read, or holds something else.
    """
    file = expanded(file)
    try:
        content = read_yaml(file)
    except OSError as error:
        raise OSError(f"--config {file}: can't be read ({error}).") from error
    except ValueError as error:
        raise ValueError(f"--config {file}: not a file of options ({error}).") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ValueError(f"--config {file}: needs options by name.")
    return content


def read_parts(file: str) -> dict[str, Any]:
    """The parts of a run that a file of options describes.

    Raises:
        ValueError, OSError: if it can't be read, or is not one.
    """
    file = expanded(file)
    try:
        return parts_from_file(read_options(file))
    except ValueError as error:
        said = str(error).removeprefix(f"--config {file}: ")
        raise ValueError(f"--config {file}: {said}") from error


def stays_inside(name: str, directory: object) -> None:
    """Raises ValueError if a directory that a file names leads out of where it lies."""
    if isinstance(directory, str) and ".." in Path(directory).parts:
        raise ValueError(
            f"{name}={directory} leads out of this directory, which a file may not; say it on the "
            f"command line, or leave it out."
        )


def composed(options: Mapping[str, Any]) -> Config:
    """The run of these options, over those of the file or the recipe that is named."""
    options = dict(options)
    if {"config", "recipe"} <= options.keys():
        raise ValueError("--config and --recipe are both a run's options; give one of them.")
    base = read_parts(options.pop("config")) if "config" in options else {}
    if "recipe" in options:
        base = recipe(options.pop("recipe")).parts()
    for name, short in (("output.directory", "out"), ("runtime.cache_dir", "cache_dir")):
        part, _, of_part = name.partition(".")
        if short not in options and name not in options:
            stays_inside(name, base.get(part, {}).get(of_part))
    return compose(options, base)


def help_of_run(
    usage: str,
    description: str,
    example: str,
    options: Mapping[str, Any],
    head: Mapping[str, str] = HEAD,
) -> str:
    """What `--help` says: everyday options first, by `head`, then those of each chosen part."""
    kept = {
        name: value
        for name, value in options.items()
        if name not in ("help", "config", "recipe", "resume", "accept_changes")
    }
    chosen = selected(kept)
    names = names_of(parser_for(chosen))
    width = max(map(len, [*names, *head])) + 2
    lines = [f"usage: {usage}", "", description, ""]
    lines += [f"  --{name:<{width}}{meaning}" for name, meaning in head.items()]
    short = {whole: name for name, whole in EVERYDAY.items()}
    for part in (*chosen, *SETTINGS):
        own = {n: a for n, a in names.items() if n.startswith(f"{part}.")}
        what = chosen.get(part)
        title = part if what is None else f"{part} {what.__name__}"
        if part in chosen and what is None:
            title = f"{part}: the task's own"
        lines += ["", f"{title}:"]
        direct = part in DIRECT
        for name, action in own.items():
            shown = short.get(name) or (name.partition(".")[2] if direct else name)
            meaning = " ".join(str(action.help or "").split()).partition(". ")[0]
            default = "" if action.default is None else f" [{_shown(action.default)}]"
            lines.append(f"  --{shown:<{width}}{meaning}{default}")
    lines += [
        "",
        "Options can also stand in a YAML file: --config FILE; those on the command line go first.",
        f"example: {example}",
    ]
    return "\n".join(lines)


def _shown(value: object) -> str:
    return str(value) if not inspect.isclass(value) else value.__name__
