"""Runs as they lie on disk, whatever state they are in; nothing that they name is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from telegrad import __version__
from telegrad.files import read_json, read_yaml
from telegrad.records import RunDirectory
from telegrad.runs.component import KINDS, completed, resolve
from telegrad.runs.resume import flattened
from telegrad.runs.settings import SETTINGS
from telegrad.runs.version_0_1 import converted, converted_report, is_of_0_1

Status = Literal["finished", "unfinished", "other version", "unreadable"]

LIBRARIES = "torch.nn.", "torch.optim.", "telegrad.optimizers."
"""Whose classes are looked at beside those of a part's own room."""

NAMED = ("task", "data", "network", "strategy")
"""Parts that every run names."""


@dataclass(frozen=True)
class RunSummary:
    """One run, a row of summary.csv.

    Attributes:
        task, dataset, network, mode, seed, learning_rate: as configured; classes by their names.
        strategy: the name of its configuration.
        status: finished; unfinished; other version, if another version of telegrad made it;
            unreadable, if its files are torn.
        work_units, seconds: of training.
        wall_seconds: with validations and saves, of all sessions; `estimated_seconds` before.
        peak_memory: in MiB.
        valid_loss, mse, psnr, ssim: of its best model on the validation images; psnr in dB.
        corrupted_psnr: of these images before they are restored, in dB.
        best_iteration: of that model.
        path: of the run, from the directory that was summarized.
    """

    task: str
    dataset: str
    network: str
    strategy: str
    mode: str
    seed: int
    status: Status
    work_units: float | None
    seconds: float | None
    wall_seconds: float | None
    estimated_seconds: float | None
    peak_memory: float | None
    valid_loss: float | None
    mse: float | None
    psnr: float | None
    ssim: float | None
    corrupted_psnr: float | None
    learning_rate: float | None
    best_iteration: int | None
    path: str


@dataclass(frozen=True)
class RunFiles:
    """What lies on disk of one run.

    Attributes:
        path: of its directory, from the one in which it was looked for.
        options: by name; see `flattened`.
        environment: hardware and versions.
        report: its figures, once it is finished.
        readable: whether the files are whole.
    """

    path: str
    options: dict[str, Any]
    environment: dict[str, Any]
    report: dict[str, Any] | None
    readable: bool

    @classmethod
    def read(cls, files: RunDirectory, root: Path) -> RunFiles:
        """The run as far as it is whole."""
        path = files.path.relative_to(root).as_posix()
        try:
            options = read_options(files)
            environment = read_json(files.environment)
            report = read_json(files.report) if files.report.exists() else None
            if not isinstance(environment, dict) or not isinstance(report, (dict, NoneType)):
                raise ValueError("not the files of a run")
            if report is not None:
                report = converted_report(report)
                report |= {name: dict(report[name]) for name in ("corrupted", "restored")}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return cls(path, {}, {}, None, readable=False)
        return cls(path, options, environment, report, readable=True)

    @property
    def status(self) -> Status:
        if not self.readable:
            return "unreadable"
        if self.environment.get("telegrad") != __version__:
            return "other version"
        return "unfinished" if self.report is None else "finished"

    def named(self, part: str) -> str:
        """The short name of the class of a part."""
        return short_name(self.options.get(part, "?"))

    def row(self, strategy: str) -> RunSummary:
        report = self.report or {}
        restored, corrupted = report.get("restored", {}), report.get("corrupted", {})
        of_report: dict[str, Any] = {
            name: _number(report.get(name))
            for name in (
                "work_units",
                "seconds",
                "wall_seconds",
                "estimated_seconds",
                "peak_memory",
            )
        }
        of_model: dict[str, Any] = {
            name: _number(restored.get(name)) for name in ("mse", "psnr", "ssim")
        }
        return RunSummary(
            task=self.named("task"),
            dataset=self.named("data"),
            network=self.named("network"),
            mode=self.named("strategy"),
            strategy=strategy,
            seed=self.options.get("seed", -1),
            status=self.status,
            **of_report,
            valid_loss=_number(restored.get("loss")),
            **of_model,
            corrupted_psnr=_number(corrupted.get("psnr")),
            learning_rate=self.options.get("optimizer.lr"),
            best_iteration=report.get("best_iteration"),
            path=self.path,
        )


def read_options(files: RunDirectory) -> dict[str, Any]:
    """All options of a run by name, of whichever version it is.

    Raises:
        OSError, ValueError, TypeError: if they can't be read.
    """
    content = read_yaml(files.config)
    if not isinstance(content, dict):
        raise ValueError("not the configuration of a run")
    if is_of_0_1(content):
        options = {"network": "own"} | flattened(converted(content))
    else:
        options = flattened(content)
    named = all(isinstance(options.get(part), str) for part in NAMED)
    if not named or not isinstance(options.get("seed"), int):
        raise ValueError("not the configuration of a run")
    return options


def short_name(path: str) -> str:
    """The last part of a class's path, in small letters.

    >>> short_name("telegrad.networks.ResNet"), short_name("telegrad.tasks.PaperDenoising")
    ('resnet', 'paper_denoising')
    """
    name = path.rpartition(".")[2]
    return name.replace("Paper", "Paper_", 1).lower() if name.startswith("Paper") else name.lower()


def defaults_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """What options of a run are where nothing is said; of the library's and torch's classes only.

    Those of a class that is not there, such as one of another version, are left out.
    """
    known: dict[str, Any] = {"seed": 42, "loss": None, "optimizer.lr": None}
    for kind, own in KINDS.items():
        path = options.get(kind)
        if isinstance(path, str) and path.startswith((f"{own.room}.", *LIBRARIES)):
            with suppress(ValueError):
                arguments = completed(resolve(kind, path, functions=False), {})
                known |= {f"{kind}.{name}": value for name, value in arguments.items()}
    for name, settings in SETTINGS.items():
        known |= {f"{name}.{key}": value for key, value in vars(settings()).items()}
    return known


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None
