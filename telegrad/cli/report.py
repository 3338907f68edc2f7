"""`telegrad report`: a page of what runs came to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.experiments.launch import Failure
from telegrad.experiments.report import write_report
from telegrad.experiments.summary import summarize
from telegrad.experiments.tensorboard import write_logs
from telegrad.options import NEEDED, option


@dataclass(frozen=True, kw_only=True)
class ReportOf(Command):
    positional: ClassVar[tuple[str, ...]] = ("directory",)
    usage: ClassVar[str] = "telegrad report DIRECTORY [options]"
    description: ClassVar[str] = (
        "Write report.html, summary.csv and summary.json into a directory of runs: tables with "
        "confidence intervals, curves, pictures, decisions, commands."
    )
    example: ClassVar[str] = "telegrad report comparison"

    directory: str = option(NEEDED, "with runs in it, at any depth", path=True)
    tensorboard: bool = option(False, "also write logs for TensorBoard")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad report", lambda: report(words))


def report(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(ReportOf.help())
        return 0
    own, _ = ReportOf.parse(words)
    code = reported(Path(own.directory), [])
    if own.tensorboard:
        readable = [run.path for run in summarize(own.directory).runs if run.task != "?"]
        print(f"Logs     {write_logs(Path(own.directory), readable)}")
    return code


def reported(directory: Path, failures: Sequence[Failure]) -> int:
    """Says which runs failed, writes the report and says what it shows; returns the exit code."""
    for failure in failures:
        config = failure.config
        print(
            f"{config.name}, {config.label}, seed {config.seed} failed: {failure.reason} (all it "
            f"said is in {config.output.directory}/output.txt)",
            file=sys.stderr,
        )
    try:
        page, summary = write_report(directory)
    except ValueError:
        if failures:
            return 1  # and there is no run to be shown
        raise
    print(f"{summary}\n\nReport   {page}")
    return 1 if failures else 0
