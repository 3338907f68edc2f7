"""Comparisons made before the user's eyes: what they will take, how far they are, a report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from telegrad.atomic import check_room
from telegrad.cli.report import reported
from telegrad.experiments.comparison import Comparison
from telegrad.experiments.estimate import estimate
from telegrad.experiments.launch import Failure, launch_comparison
from telegrad.experiments.report import check_report, write_report
from telegrad.experiments.standing import Standing
from telegrad.experiments.workers import Workers


def launched(comparisons: Sequence[Comparison], directory: Path, workers: Workers) -> int:
    """Makes all runs and the report; returns the exit code.

    The report is written whenever a run has ended, without pictures, and at the end; when runs are
    stopped too, of those that are finished.

    Raises:
        ValueError, OSError: as `launch_comparison`.
        KeyboardInterrupt: when they are stopped.
    """
    check_room(directory, "out")
    check_report(directory)
    failures: list[Failure] = []
    last: Standing | None = None
    for comparison in comparisons:
        print(estimate(comparison, directory, workers), flush=True)

    def told(standing: Standing) -> None:
        nonlocal last
        last = standing
        with suppress(ValueError, OSError):  # the last one says what is wrong
            write_report(directory, status=str(standing), live=True)

    try:
        for comparison in comparisons:
            failures += launch_comparison(
                comparison,
                directory,
                workers.parallel,
                workers.threads,
                where=workers.where,
                options=workers.options,
                told=told,
            )
    except KeyboardInterrupt:
        _stopped(directory, last)
        raise
    return reported(directory, failures)


def _stopped(directory: Path, last: Standing | None) -> None:
    """The report of what is finished."""
    ended = "before a run had ended" if last is None else f"when {last.ended}"
    status = f"Stopped {ended}. The same command goes on."
    with suppress(ValueError, OSError):
        page, summary = write_report(directory, status=status)
        print(f"{summary}\n\nReport   {page}")
