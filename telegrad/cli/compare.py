"""`telegrad compare`: strategies at one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.launching import launched
from telegrad.cli.run_options import read_options, stays_inside
from telegrad.experiments.comparison import PRESETS, comparison_of
from telegrad.experiments.overlay import overlaid
from telegrad.experiments.workers import Where, Workers
from telegrad.options import option


@dataclass(frozen=True, kw_only=True)
class Compare(Command):
    usage: ClassVar[str] = "telegrad compare [options]"
    description: ClassVar[str] = (
        "Train tasks × networks × strategies × seeds at one budget, several runs at a time, and "
        "compare them in report.html, which shows finished runs while others go on. Finished runs "
        "are not made again, stopped ones go on. Other options are those of `telegrad train`, for "
        "all runs; all can stand in a YAML file."
    )
    example: ClassVar[str] = "telegrad compare --preset quick --out comparison"

    tasks: list[str] | None = option(None, "what is undone: denoising, …")
    networks: list[str] | None = option(None, "each task is trained with each of them")
    strategies: dict[str, Any] | list[str] | None = option(
        None, "their names; or, in a file, options of a run by the strategy's name"
    )
    seeds: list[int] | None = option(None, "three or more tell differences from chance", least=0)
    learning_rates: list[float] | None = option(
        None, "every strategy is tuned over them, with the first seed", above=0
    )
    of_task: dict[str, Any] | None = option(None, "in a file: options of one task's runs")
    equal_budgets: bool | None = option(None, "whether strategies must cost the same, to 2 %")
    preset: str | None = option(None, "options under a name: quick")
    config: str | None = option(None, "YAML file with these options", path=True)
    out: str | None = option(
        None, "all runs and the report go here; comparison by default", path=True
    )
    parallel: int | None = option(None, "runs at a time; else as many as cores", least=1)
    threads: int | None = option(None, "of each run; else the cores divided among them", least=1)
    executor: Where | None = option(
        None,
        "who makes runs: processes of this machine, by default; slurm, a cluster that shares its "
        "files; or local, jobs like a cluster's on this machine",
    )
    executor_options: dict[str, Any] | None = option(
        None, "of jobs, as submitit names them: {slurm_partition: gpu, gpus_per_node: 1}"
    )


LAUNCHING = ("preset", "config", "out", "parallel", "threads", "executor", "executor_options")
"""Options that are of no run, but of how runs are made and where."""


def main(words: Sequence[str]) -> int:
    return guarded("telegrad compare", lambda: compare(words))


def compare(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Compare.help())
        return 0
    own, rest = Compare.parse(words, others=None)
    if own.config is not None:
        own, rest = _over_file(own, rest)
    preset: dict[str, Any] = {}
    if own.preset is not None:
        if own.preset not in PRESETS:
            raise ValueError(f"--preset={own.preset}: needs one of {', '.join(PRESETS)}.")
        preset = PRESETS[own.preset]
    said = {n: v for n, v in _said(own).items() if n not in LAUNCHING}
    comparison = comparison_of(**overlaid(preset, said, rest))
    workers = Workers(
        parallel=own.parallel,
        threads=own.threads,
        where=own.executor or "processes",
        options=own.executor_options or {},
    )
    return launched([comparison], Path(own.out or "comparison"), workers)


def _over_file(own: Compare, rest: Mapping[str, Any]) -> tuple[Compare, dict[str, Any]]:
    """The command line's own options, and those of its runs, over those of the file."""
    assert own.config is not None
    of_file = read_options(own.config)
    if "config" in of_file:
        raise ValueError(f"--config {own.config}: config is for the command line alone.")
    stays_inside("out", of_file.get("out"))
    names = {field.name for field in fields(Compare)}
    try:
        own_of_file = Compare(**{n: v for n, v in of_file.items() if n in names})
    except ValueError as error:
        raise ValueError(f"--config {own.config}: {error}") from error
    rest_of_file = {n: v for n, v in of_file.items() if n not in names}
    return replace(own_of_file, **_said(own)), overlaid(rest_of_file, rest)


def _said(own: Compare) -> dict[str, Any]:
    return {name: value for name, value in vars(own).items() if value is not None}
