"""The course of a run: what it had spent, and how good it was, each time it validated."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from telegrad.records import RunDirectory

Cost = Literal["work_units", "seconds"]
"""What a run spends, as a column of progress.csv; seconds are of training alone."""


@dataclass(frozen=True)
class Course:
    """The validations of one run, as far as its progress.csv is whole.

    >>> rows = [{"seconds": "1", "valid_loss": "0.5", "valid_psnr": "20"},
    ...         {"seconds": "2", "valid_loss": "0.4", "valid_psnr": "21"},
    ...         {"seconds": "3", "valid_loss": "0.6", "valid_psnr": "19"}]
    >>> course = Course(rows)
    >>> course.reached(0.45, "seconds"), course.reached(0.3, "seconds")
    (2.0, None)
    >>> course.psnr_at("seconds", 3.5), course.psnr_at("seconds", 0.5)
    (21.0, None)
    """

    rows: list[dict[str, str]]

    @classmethod
    def read(cls, run: Path) -> Course:
        """Of the run in that directory; without rows if there is nothing to be read."""
        try:
            with RunDirectory.at(run).progress.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, csv.Error, UnicodeDecodeError):
            rows = []
        return cls([row for row in rows if None not in row.values()])

    def column(self, name: str) -> list[float]:
        """A column's numbers.

        Raises:
            KeyError, ValueError: if there is none of that name, or one is no number.
        """
        return [float(row[name]) for row in self.rows]

    @property
    def best_loss(self) -> float | None:
        """The lowest validation loss; None without validations."""
        return min(self.column("valid_loss"), default=None)

    def reached(self, loss: float, cost: Cost) -> float | None:
        """What was spent when a validation loss was first as low as that; None if none was."""
        for spent, valid_loss in zip(self.column(cost), self.column("valid_loss"), strict=True):
            if valid_loss <= loss:
                return spent
        return None

    def psnr_at(self, cost: Cost, limit: float) -> float | None:
        """PSNR in dB of the best model until so much was spent; None before the first validation.

        The best is the one with the lowest validation loss, as for the model that a run keeps.
        """
        columns = (self.column(name) for name in (cost, "valid_loss", "valid_psnr"))
        until = [(loss, psnr) for spent, loss, psnr in zip(*columns, strict=True) if spent <= limit]
        return min(until, key=lambda row: row[0])[1] if until else None

    def work_by_level(self) -> dict[int, float]:
        """Every stage ends with a validation, so that what lies between two is of one level."""
        work: dict[int, float] = {}
        before = 0.0
        for row in self.rows:
            level, now = int(row["level"]), float(row["work_units"])
            work[level] = work.get(level, 0.0) + now - before
            before = now
        return work
