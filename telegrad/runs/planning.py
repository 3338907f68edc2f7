"""What a run will cost, before it is made: its stages, seconds and memory."""

from __future__ import annotations

from dataclasses import dataclass

from telegrad.runs.config import Config
from telegrad.runs.running import prepare
from telegrad.runs.timing import Timing
from telegrad.schedules.schedule import Schedule
from telegrad.training.costs import peak_memory
from telegrad.training.forecast import Forecast


@dataclass(frozen=True, repr=False)
class Plan:
    """A run's schedule, and what it takes on this machine.

    Attributes:
        schedule: stages, batch sizes, work units.
        forecast: seconds until any work is done.
        sets_seconds: of measuring sets of whole images at the end.
        peak_memory: in MiB, see `costs.peak_memory`; None where the system does not tell.
    """

    schedule: Schedule
    forecast: Forecast
    peak_memory: float | None
    sets_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Of steps, validations and sets of whole images; saving, and measuring the best model on
        crops at the end, left out."""
        return self.forecast.total + self.sets_seconds

    def __repr__(self) -> str:
        title, header, *stages = str(self.schedule).splitlines()
        lines = [title, f"{header}{'ms a step':>11}{'seconds':>9}"]
        for line, steps, seconds in zip(
            stages, self.schedule.lengths, self.forecast.step_seconds, strict=True
        ):
            lines.append(f"{line}{1e3 * seconds:>11.3g}{steps * seconds:>9,.3g}")
        training = sum(
            n * s for n, s in zip(self.schedule.lengths, self.forecast.step_seconds, strict=True)
        )
        whole = (
            f"; sets of whole images at the end {self.sets_seconds:,.3g} s"
            if self.sets_seconds
            else ""
        )
        memory = "" if self.peak_memory is None else f" Peak memory {self.peak_memory:,.0f} MiB."
        lines.append(
            f"Estimated: {self.seconds:,.3g} s, of which validations take "
            f"{self.forecast.total - training:,.3g} s{whole}.{memory}"
        )
        return "\n".join(lines)


def plan(config: Config, rounds: int = 6) -> Plan:
    """Makes a few steps of every stage and a batch of validation; writes nothing but image caches.

    Args:
        config: of the run.
        rounds: steps of each stage, the first of which only warms up; 2 or more.

    Raises:
        ValueError, OSError: for bad input, as `run` does.
        MemoryError: if a stage needs more memory than there is; names level and batch size.
    """
    prepared = prepare(config)
    fabric, state, sets = prepared.fabric, prepared.state, prepared.sets
    timing = prepared.timing or Timing.of(
        fabric, state, prepared.objective, prepared.validation, sets, rounds
    )
    images = prepared.validation.images
    expected = timing.forecast(state.schedule, prepared.validations, images)
    return Plan(state.schedule, expected, peak_memory(fabric.device), timing.sets)
