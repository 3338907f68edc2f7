"""`telegrad diagnose`: whether levels pay, for a trained network or a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from telegrad import pretrained
from telegrad.atomic import check_room, write_whole
from telegrad.cli.arguments import Command, scan
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.dotted import plain_name
from telegrad.files import expanded
from telegrad.inference.diagnose import all_levels, diagnose
from telegrad.options import NEEDED, option
from telegrad.runs.build import build_network, problem_of
from telegrad.runs.component import KINDS
from telegrad.runs.compose import compose, whole_names
from telegrad.runs.config import Config
from telegrad.runs.initial_weights import start_from
from telegrad.schedules import Multiscale


@dataclass(frozen=True, kw_only=True)
class Diagnose(Command):
    positional: ClassVar[tuple[str, ...]] = ("what",)
    usage: ClassVar[str] = "telegrad diagnose MODEL_OR_TASK [options]"
    description: ClassVar[str] = (
        "Measure on every level how the gradient varies, how it is coupled with the finest "
        "level's and what it costs; predict what the multiscale gradient saves, and advise. Of a "
        "trained network, or of a new one; options of task, network and data as for `telegrad "
        "train`."
    )
    example: ClassVar[str] = "telegrad diagnose denoising --network ResNet --network.channels 32"

    what: str = option(
        NEEDED,
        "a run's models/…_best.pt, or its directory; one that comes along (telegrad models); or a "
        "task, for a new network",
        path=True,
    )
    draws: int = option(48, "to measure on; 8 or more for confidence intervals", least=2)
    budget: float = option(16.0, "of a step, for batch sizes", unit="work units", above=0)
    levels: int | None = option(None, "of the grids; as in training by default", least=1, most=16)
    json: str | None = option(
        None, "file to write all numbers into; it must be a new one", path=True
    )
    overwrite: bool = option(False, "that file if it is there")
    seed: int = option(0, "of draws and dropout", least=0, most=2**63 - 1)
    device: str = option("cpu", "cpu, cuda, cuda:1, mps, …")


MEASURED = frozenset(
    {"task", "network", "data", "loss", "init", "runtime.memory", "runtime.cache_dir"}
)
"""Parts of a run, and options of it, that make a difference to what is measured."""


def main(words: Sequence[str]) -> int:
    return guarded("telegrad diagnose", lambda: show(words))


def show(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Diagnose.help())
        return 0
    positional, options = scan(words)
    own_names = {field.name for field in fields(Diagnose)}
    rest = {name: value for name, value in options.items() if name not in own_names}
    own, _ = Diagnose.parse(
        [*positional, *(f"--{n}={v}" for n, v in options.items() if n in own_names)]
    )
    if own.json is not None:
        _check_file(Path(own.json), own.overwrite)
    if _is_task(own.what):
        _check_measured({"task": own.what, **rest}, {})
        config = compose({"task": own.what, **rest})
        config = all_levels(config, own.levels or _default_levels(config))
        network = build_network(config)
    else:
        of_network = {n: v for n, v in rest.items() if n.partition(".")[0] == "network"}
        model = model_of(own.what, own.device, of_network)
        parts = {name: getattr(model.config, name) for name in KINDS if getattr(model.config, name)}
        of_run = {n: v for n, v in rest.items() if n not in of_network}
        parts["strategy"] = all_levels(model.config).strategy
        _check_measured(of_run, parts)
        config = compose(of_run, parts)
        changed = "size" in of_run or "data" in of_run
        config = all_levels(config, own.levels or (_default_levels(config) if changed else None))
        network = model.network
    start_from(config.init, network)
    statistics = diagnose(config, network, own.draws, own.budget, own.device, own.seed, shown=True)
    data, name = config.build_data(), config.network.short_name
    print(f"{config.build_task().name}, {name}, {own.what}, images of {data.name}:")
    print(statistics)
    if own.json is not None:
        text = json.dumps(statistics.to_dict(), indent=2, allow_nan=False)
        write_whole(Path(own.json), text + "\n")
    return 0


def _check_file(file: Path, overwrite: bool) -> None:
    """Raises OSError unless the file can be written."""
    if file.is_dir() or (file.exists() and not overwrite):
        raise FileExistsError(
            f"--json {file} is there already; name another file, or use --overwrite."
        )
    if not file.parent.is_dir():
        raise FileNotFoundError(
            f"--json {file}: no folder {file.parent}; make it, or choose another."
        )
    check_room(file.parent, "json")


def _check_measured(options: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Raises ValueError for an option of a run that makes no difference to what is measured."""
    for name, whole in whole_names(options, base).items():
        if whole.partition(".")[0] not in MEASURED and whole not in MEASURED:
            raise ValueError(
                f"--{name} makes no difference: all levels are measured at once, and nothing is "
                f"trained. Leave it out."
            )


def _default_levels(config: Config) -> int:
    """As many as suit the images, at most four."""
    return Multiscale().grids(problem_of(config)).levels


def _is_task(what: str) -> bool:
    """Whether it names a task, rather than a file, a run's directory, or a network of ours."""
    path = Path(expanded(what))
    if path.is_file() or what.endswith(".pt") or (path / "config.yaml").is_file():
        return False
    tasks = {plain_name(name) for name in KINDS["task"].names()}
    return plain_name(what) in tasks or what not in pretrained.names()
