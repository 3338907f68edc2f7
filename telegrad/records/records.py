"""What a run leaves on disk: logs, row by row as it happens, and where everything lies."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from telegrad.diagnostics.statistics import LevelStatistics
from telegrad.training.checkpoint import previous_of

TRAIN_COLUMNS = ("iteration", "train_loss", "time")
VALID_COLUMNS = ("iteration", "valid_loss", "valid_ssim")
PROGRESS_COLUMNS = (
    "iteration",
    "stage",
    "level",
    "work_units",
    "seconds",
    "train_loss",
    "valid_loss",
    "valid_psnr",
    "valid_ssim",
    "learning_rate",
)
LEVEL_COLUMNS = (
    "iteration",
    "level",
    "variance",
    "correction_variance",
    "alpha",
    "correlation",
    "cosine",
    "kurtosis",
)


def last_state(results_dir: str | Path, name: str) -> Path:
    """Where a run keeps what it needs to go on."""
    return Path(results_dir) / "runs" / name / "last.pt"


def checkpoint_of(directory: Path) -> Path:
    """The best model of the run that keeps its records in this directory."""
    return directory.parent.parent / "models" / f"{directory.name}_best.pt"


def last_progress(directory: Path) -> dict[str, str] | None:
    """The last whole row of a run's progress.csv, by column; None before the first."""
    try:
        text = (directory / "progress.csv").read_text(encoding="utf-8")
    except OSError:
        return None
    header, *rows = text[: text.rfind("\n") + 1].splitlines()
    return dict(zip(header.split(","), rows[-1].split(","), strict=True)) if rows else None


class Records:
    """The files of one run, made when the object is made and closed when it is left (`with`).

        {results_dir}/logs/{name}_train.csv      every step: iteration, training loss, seconds
        {results_dir}/logs/{name}_valid.csv      every validation: iteration, validation loss, and
                                                 SSIM if `logs_ssim`
        {results_dir}/models/{name}_best.pt      the best model by validation loss
        {results_dir}/runs/{name}/               config.yaml, environment.json, progress.csv,
                                                 last.pt and previous.pt (where a stopped run goes
                                                 on), events.log, picture.png; levels.csv, what
                                                 probes of the gradients found; report.json, the
                                                 figures of a finished run

    Iterations count from 1. Seconds are of training alone: validating and saving are off the clock.

    Args:
        results_dir: made if it does not exist.
        name: of the run.
        configuration: of the run, written to config.yaml.
        overwrite: whether files of an earlier run of that name are replaced.
        keep: go on with the files of an earlier run, whose rows up to this iteration are kept; 0
            for one that was stopped before it had saved anything.

    Raises:
        FileExistsError: if there are files of that name and `overwrite` is false.
        OSError: if the directory can't be written.
    """

    def __init__(
        self,
        results_dir: str | Path,
        name: str,
        configuration: dict[str, Any],
        *,
        overwrite: bool,
        logs_ssim: bool = False,
        keep: int | None = None,
    ) -> None:
        root = Path(results_dir)
        self.name = name
        self.configuration = configuration
        self.directory = root / "runs" / name
        self.best = root / "models" / f"{name}_best.pt"
        self.picture = self.directory / "picture.png"
        self.last = last_state(results_dir, name)
        self._events = self.directory / "events.log"
        self._report = self.directory / "report.json"
        logs = root / "logs"
        tables = {
            logs / f"{name}_train.csv": TRAIN_COLUMNS,
            logs / f"{name}_valid.csv": VALID_COLUMNS[: 3 if logs_ssim else 2],
            self.directory / "progress.csv": PROGRESS_COLUMNS,
        }
        if configuration.get("adapt") is not None:
            tables[self.directory / "levels.csv"] = LEVEL_COLUMNS
        checkpoints = [self.best, self.best.with_suffix(".safetensors"), previous_of(self.last)]
        written = [*tables, *checkpoints, self.picture, self.last]
        written += [self._events, self._report]
        replaced = written if keep is None else [self.best] if keep == 0 else []
        there = [path for path in replaced if path.exists()]
        if there and not overwrite:
            raise FileExistsError(
                f"results of {name} are there already ({there[0]}). Use another run_id, another "
                f"results_dir, resume to go on with a run that was stopped, or overwrite=true to "
                f"replace them."
            )
        try:
            for directory in (logs, self.best.parent, self.directory):
                directory.mkdir(parents=True, exist_ok=True)
            for path in there:
                path.unlink()
            config = yaml.safe_dump(configuration, sort_keys=False)
            (self.directory / "config.yaml").write_text(config)
            (self.directory / "environment.json").write_text(json.dumps(environment(), indent=2))
            self._tables = [_Table(path, columns, keep) for path, columns in tables.items()]
            self._train, self._valid, self._progress, *self._levels = self._tables
        except OSError as error:
            raise OSError(
                f"results directory {root} can't be written ({error}); choose another with "
                f"results_dir."
            ) from error

    def trained(self, iteration: int, loss: float, seconds: float) -> None:
        """One step of training."""
        self._train.append((iteration, f"{loss:.6g}", f"{seconds:.3f}"))

    def validated(self, **row: Any) -> None:
        """One validation: `PROGRESS_COLUMNS` by name."""
        self._valid.append_named(row)
        self._progress.append_named(row)

    def event(self, text: str) -> None:
        """Something out of the ordinary, such as a resumption, with the time of day."""
        with self._events.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().isoformat(timespec='seconds')} {text}\n")

    def probed(self, iteration: int, statistics: LevelStatistics) -> None:
        """What a probe of the gradients found, a row for each level."""
        levels = range(statistics.grids.levels)
        columns = {
            "level": levels,
            "variance": statistics.variance,
            "correction_variance": statistics.correction_variance(),
            "alpha": (math.nan, *statistics.alphas),
            "correlation": statistics.correlation,
            "cosine": statistics.cosine,
            "kurtosis": statistics.kurtosis,
        }
        for level in levels:
            row = {name: values[level] for name, values in columns.items()}
            self._levels[0].append_named({"iteration": iteration, **row})

    def concluded(self, **figures: Any) -> None:
        """What a finished run came to."""
        self._report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        for table in self._tables:
            table.close()


class NoRecords(Records):
    """For processes that leave writing to the first one."""

    def __init__(self, results_dir: str | Path, name: str) -> None:
        self.last = last_state(results_dir, name)

    def trained(self, iteration: int, loss: float, seconds: float) -> None:
        pass

    def event(self, text: str) -> None:
        pass

    def probed(self, iteration: int, statistics: LevelStatistics) -> None:
        pass

    def concluded(self, **figures: Any) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class _Table:
    """A CSV file that only ever grows; a row reaches the system as soon as it is appended."""

    def __init__(self, path: Path, columns: Sequence[str], keep: int | None = None) -> None:
        self.path = path
        self.columns = columns
        kept = keep is not None and path.exists()
        if kept:
            _cut(path, keep or 0)
        self._file = path.open("a", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")
        if not kept:
            self._writer.writerow(columns)

    def append(self, row: Sequence[Any]) -> None:
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise OSError(
                f"log {self.path}: can't be written ({error}); rows until now are kept."
            ) from error

    def append_named(self, row: dict[str, Any]) -> None:
        """Those of the named values that are this table's columns."""
        values = (row[column] for column in self.columns)
        self.append([f"{v:.6g}" if isinstance(v, float) else v for v in values])

    def close(self) -> None:
        self._file.close()


def _cut(path: Path, iteration: int) -> None:
    """Drops the rows after `iteration`, and a row that was not written to its end."""
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= iteration]
    aside = path.with_name(path.name + ".part")
    aside.write_text("".join([header, *whole]), encoding="utf-8")
    os.replace(aside, path)


def environment() -> dict[str, Any]:
    """Hardware and versions, for the record."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "multiscale": version("multiscale"),
        "platform": platform.platform(terse=True),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
