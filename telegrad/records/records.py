"""What a run leaves on disk while it trains: logs, its description, and its figures at the end."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from telegrad.atomic import write_whole
from telegrad.diagnostics import LevelStatistics
from telegrad.files import as_yaml
from telegrad.records.directory import RunDirectory
from telegrad.records.environment import environment
from telegrad.records.tables import Table
from telegrad.records.trackers import Trackers

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
SETS_COLUMNS = (
    "iteration",
    "set",
    "corruption",
    "images",
    "corrupted_psnr",
    "corrupted_ssim",
    "restored_psnr",
    "restored_ssim",
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


class Records:
    """The files of one run, made when the object is made and closed when it is left (`with`).

    `RunDirectory` says where each lies. Iterations count from 1. Seconds are of training alone:
    validating and saving are off the clock.

    Args:
        directory: of the run; made if it does not exist.
        configuration: all that describes the run, as plain data.
        inputs: names and digests of what it is made of, as plain data.
        overwrite: whether files of an earlier run of that name are replaced.
        logs_ssim: whether SSIM stands beside the loss in the log of validations.
        logs_levels: whether there is a table for `level_statistics`.
        logs_sets: whether there is one for sets of whole images.
        trackers: names of loggers that the run is followed with, see `loggers.LOGGERS`.
        keep: go on with the files of an earlier run, whose rows up to this iteration are kept. If
            it left no state, models that are there are not its own.
        ends: it has nothing left to do, and its figures stay until they are written again.

    Raises:
        FileExistsError: if there are files of that name and `overwrite` is false.
        OSError: if the directory can't be written.
    """

    def __init__(
        self,
        directory: RunDirectory,
        configuration: dict[str, Any],
        *,
        inputs: dict[str, Any] | None = None,
        overwrite: bool,
        logs_ssim: bool = False,
        logs_levels: bool = False,
        logs_sets: bool = False,
        trackers: Sequence[str] = (),
        keep: int | None = None,
        ends: bool = False,
    ) -> None:
        self.directory = directory
        self.configuration = configuration
        tables = {
            directory.train_log: TRAIN_COLUMNS,
            directory.valid_log: VALID_COLUMNS[: 3 if logs_ssim else 2],
            directory.progress: PROGRESS_COLUMNS,
        }
        if logs_sets:
            tables[directory.sets] = SETS_COLUMNS
        if logs_levels:
            tables[directory.levels] = LEVEL_COLUMNS
        there = replaced(directory, overwrite=overwrite, goes_on=keep is not None)
        try:
            for path in (directory.train_log, directory.best, directory.config):
                path.parent.mkdir(parents=True, exist_ok=True)
            old = [] if ends else [directory.report]  # of a run which goes on
            for path in (*there, *old):
                path.unlink(missing_ok=True)
            write_whole(directory.config, as_yaml(configuration))
            if inputs is not None:
                write_whole(directory.inputs, json.dumps(inputs, indent=1) + "\n")
            write_whole(directory.environment, json.dumps(environment(), indent=2) + "\n")
            self._tables = [Table(path, columns, keep) for path, columns in tables.items()]
        except OSError as error:
            raise OSError(
                f"results directory {directory.results} can't be written ({error}); choose another "
                f"with --out."
            ) from error
        self._train, self._valid, self._progress, *_ = self._tables
        self._of = {table.path: table for table in self._tables}
        self.trackers = Trackers(trackers, directory, configuration, keep or 0, self.event)

    def trained(self, iteration: int, loss: float, seconds: float) -> None:
        """One step of training."""
        self._train.append((iteration, f"{loss:.6g}", f"{seconds:.3f}"))

    def validated(self, **row: Any) -> None:
        """One validation: `PROGRESS_COLUMNS` by name."""
        self._valid.append_named(row)
        self._progress.append_named(row)
        values = {name: value for name, value in row.items() if name.startswith("valid_")}
        self.trackers.scalars(row["iteration"], values | {"level": row["level"]})

    def sets_measured(self, **row: Any) -> None:
        """The means of one set: `SETS_COLUMNS` by name."""
        self._of[self.directory.sets].append_named(row)

    def level_statistics(self, iteration: int, statistics: LevelStatistics) -> None:
        """What was measured of the gradients, a row for each level."""
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
            self._of[self.directory.levels].append_named({"iteration": iteration, **row})

    def event(self, text: str) -> None:
        """Something out of the ordinary, such as a resumption, with the time of day."""
        with self.directory.events.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().isoformat(timespec='seconds')} {text}\n")

    def finished(self, **figures: Any) -> None:
        """The figures of a finished run."""
        write_whole(self.directory.report, json.dumps(figures, indent=2) + "\n")

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: object) -> None:
        for table in self._tables:
            table.close()
        self.trackers.close("failed" if any(error) else "success")


def replaced(directory: RunDirectory, *, overwrite: bool, goes_on: bool) -> list[Path]:
    """The files of an earlier run that a run does away with.

    Args:
        directory: of the run.
        overwrite: whether there may be any.
        goes_on: whether it is that run, whose files stay. If it left no state, models that are
            there are not its own.

    Raises:
        FileExistsError: if there are some, and may not be.
    """
    models = [directory.best, directory.weights]
    states = [directory.last, directory.previous]
    written = [
        *(directory.train_log, directory.valid_log, directory.progress, directory.levels),
        *(directory.sets, *models, *states),
        *(directory.picture, directory.events, directory.report),
    ]
    saved = any(state.exists() for state in states)
    there = [p for p in (written if not goes_on else [] if saved else models) if p.exists()]
    if there and not overwrite:
        resume = f"--resume {shlex.quote(str(directory.path))} to go on with a run that was stopped"
        way = f"{resume}, " if saved and directory.config.exists() else ""
        raise FileExistsError(
            f"results of {directory.name} are there already ({there[0]}). Use another run_id, "
            f"another directory for results (out), {way}or overwrite to replace them."
        )
    return there


class NoRecords(Records):
    """Writes nothing: for processes that leave writing to the first one."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.trackers = Trackers((), directory, {}, 0, self.event)

    def trained(self, iteration: int, loss: float, seconds: float) -> None:
        pass

    def validated(self, **row: Any) -> None:
        pass

    def sets_measured(self, **row: Any) -> None:
        pass

    def level_statistics(self, iteration: int, statistics: LevelStatistics) -> None:
        pass

    def event(self, text: str) -> None:
        pass

    def finished(self, **figures: Any) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
