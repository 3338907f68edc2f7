"""Runs as they lie on disk, whatever state they are in."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from telegrad import __version__
from telegrad.runs.recipes import Recipe

Status = Literal["finished", "unfinished", "other version", "unreadable"]

DEFAULTS = {option.name: option.default for option in fields(Recipe)}


@dataclass(frozen=True)
class RunSummary:
    """One run, a row of summary.csv.

    Attributes:
        task, dataset, network, mode, seed, learning_rate: as configured.
        strategy: the name of its configuration.
        status: finished; unfinished; other version, if another version of multiscale made it;
            unreadable, if its files are torn.
        work_units, seconds: of training.
        took: seconds with validations and saves; `foretold` before it began.
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
    took: float | None
    foretold: float | None
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
class FoundRun:
    """What lies on disk of one run.

    Attributes:
        path: of its directory, from the one in which it was found.
        config: its options; what its version did not have is as by default.
        environment: hardware and versions.
        report: what it came to, once it is finished.
        readable: whether the files are whole.
    """

    path: str
    config: dict[str, Any]
    environment: dict[str, Any]
    report: dict[str, Any] | None
    readable: bool

    @classmethod
    def read(cls, config: Path, root: Path) -> FoundRun:
        path = config.parent.relative_to(root).as_posix()
        try:
            options = yaml.safe_load(config.read_text(encoding="utf-8"))
            environment = json.loads(config.with_name("environment.json").read_text("utf-8"))
            file = config.with_name("report.json")
            report = json.loads(file.read_text("utf-8")) if file.exists() else None
            whole = all(isinstance(x, dict) for x in (options, environment, report or {}))
            if not whole or not {"task", "network", "mode", "seed"} <= options.keys():
                raise ValueError("not the files of a run")
            if report is not None:
                report = report | {"restored": dict(report["restored"])}
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, RecursionError):
            return cls(path, {}, {}, None, readable=False)
        return cls(path, DEFAULTS | options, environment, report, readable=True)

    @property
    def status(self) -> Status:
        if not self.readable:
            return "unreadable"
        if self.environment.get("multiscale") != __version__:
            return "other version"
        return "unfinished" if self.report is None else "finished"

    def row(self, strategy: str) -> RunSummary:
        report = self.report or {}
        restored, corrupted = report.get("restored", {}), report.get("corrupted", {})
        of_report: dict[str, Any] = {
            name: _number(report.get(name))
            for name in ("work_units", "seconds", "took", "foretold", "peak_memory")
        }
        of_model: dict[str, Any] = {
            name: _number(restored.get(name)) for name in ("mse", "psnr", "ssim")
        }
        return RunSummary(
            **{n: self.config.get(n, "?") for n in ("task", "dataset", "network", "mode")},
            strategy=strategy,
            seed=self.config.get("seed", -1),
            status=self.status,
            **of_report,
            valid_loss=_number(restored.get("loss")),
            **of_model,
            corrupted_psnr=_number(corrupted.get("psnr")),
            learning_rate=self.config.get("learning_rate"),
            best_iteration=report.get("best_iteration"),
            path=self.path,
        )


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def options_of(run: Path) -> dict[str, Any]:
    """All options of the run in that directory, which was readable before."""
    return DEFAULTS | yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
