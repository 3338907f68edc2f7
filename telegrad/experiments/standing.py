"""How far the runs of a comparison are, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telegrad.experiments.executors import output_of
from telegrad.files import read_json
from telegrad.records import last_row
from telegrad.runs.build import build_schedule
from telegrad.runs.config import Config


@dataclass
class Standing:
    """How far all runs are.

    Attributes:
        total, done: runs, in all and of them made or failed.
        running: those under way, in words.
        told: is called whenever a run has ended.
    """

    total: int
    done: int = 0
    running: Sequence[str] = ()
    told: Callable[[Standing], object] = lambda _: None

    @property
    def ended(self) -> str:
        return f"{self.done} of {self.total} runs had ended"

    def __str__(self) -> str:
        said = f"{self.done} of {self.total} runs have ended"
        return f"{said}; under way: {', '.join(self.running)}." if self.running else f"{said}."


@dataclass(frozen=True)
class UnderWay:
    """A run that was started; what doesn't change is made once, since it is looked at often."""

    name: str
    work_units: float
    progress: Path

    @classmethod
    def of(cls, config: Config) -> UnderWay:
        total = config.build_strategy().work_limit or build_schedule(config).work_units
        return cls(_named(config), total, config.directory.progress)

    def __str__(self) -> str:
        """Its name, and how much of its work it had made when it last validated."""
        row = last_row(self.progress)
        part = f" {float(row['work_units']) / self.work_units:.0%}" if row else ""
        return f"{self.name}{part}"


def what_became_of(config: Config) -> str:
    """A run's name, and its quality if it is finished."""
    try:
        report = read_json(config.directory.report)
        return (
            f"{_named(config)}: {report['restored']['psnr']:.2f} dB in {report['seconds']:,.1f} s"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return f"{_named(config)}: failed; see {output_of(config)}"


def _named(config: Config) -> str:
    return f"{config.build_task().name} {config.label} seed {config.seed}"
