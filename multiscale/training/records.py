"""What a run leaves on disk: logs, row by row as it happens, and where everything lies."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

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


class Records:
    """The files of one run, made when the object is made and closed when it is left (`with`).

        {results_dir}/logs/{name}_train.csv      every step: iteration, training loss, seconds
        {results_dir}/logs/{name}_valid.csv      every validation: iteration, validation loss, and
                                                 SSIM if `logs_ssim`
        {results_dir}/models/{name}_best.pt      the best model by validation loss
        {results_dir}/runs/{name}/               config.yaml, environment.json, progress.csv and
                                                 picture.png

    Iterations count from 1. Seconds are of training alone: validating and saving are off the clock.

    Args:
        results_dir: made if it does not exist.
        name: of the run.
        configuration: of the run, written to config.yaml.
        overwrite: whether files of an earlier run of that name are replaced.

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
    ) -> None:
        root = Path(results_dir)
        self.name = name
        self.configuration = configuration
        self.directory = root / "runs" / name
        self.best = root / "models" / f"{name}_best.pt"
        self.picture = self.directory / "picture.png"
        logs = root / "logs"
        tables = {
            logs / f"{name}_train.csv": TRAIN_COLUMNS,
            logs / f"{name}_valid.csv": VALID_COLUMNS[: 3 if logs_ssim else 2],
            self.directory / "progress.csv": PROGRESS_COLUMNS,
        }
        written = [*tables, self.best, self.picture]
        there = [path for path in written if path.exists()]
        if there and not overwrite:
            raise FileExistsError(
                f"results of {name} are there already ({there[0]}). Use another run_id, another "
                f"results_dir, or overwrite=true to replace them."
            )
        try:
            for directory in (logs, self.best.parent, self.directory):
                directory.mkdir(parents=True, exist_ok=True)
            for path in there:
                path.unlink()
            config = yaml.safe_dump(configuration, sort_keys=False)
            (self.directory / "config.yaml").write_text(config)
            (self.directory / "environment.json").write_text(json.dumps(environment(), indent=2))
            self._train, self._valid, self._progress = (
                _Table(path, columns) for path, columns in tables.items()
            )
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

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        for table in (self._train, self._valid, self._progress):
            table.close()


class _Table:
    """A CSV file that only ever grows; a row reaches the system as soon as it is appended."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = columns
        self._file = path.open("a", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")
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
