"""`telegrad reproduce`: the paper's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from telegrad.atomic import write_whole
from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.launching import launched
from telegrad.experiments.reproduce import paper_table, reproduction
from telegrad.experiments.summary import summarize
from telegrad.experiments.workers import Workers
from telegrad.options import option
from telegrad.records import environment, refuse_foreign


@dataclass(frozen=True, kw_only=True)
class Reproduce(Command):
    usage: ClassVar[str] = "telegrad reproduce [options]"
    description: ClassVar[str] = (
        "The paper's experiments: four tasks by two networks by three strategies, with its batch "
        "sizes and numbers of steps, or a part of these. Writes the report, and a table in the "
        "paper's form. Other options are those of `telegrad train`, for all runs."
    )
    example: ClassVar[str] = "telegrad reproduce --scale 0.01 --size 64"

    scale: float = option(1.0, "of all numbers of steps; 1 is the paper's", above=0, most=1)
    tasks: list[str] | None = option(None, "to be reproduced")
    networks: list[str] | None = option(None, "for super-resolution, SRNet takes UNet's place")
    seeds: list[int] | None = option(None, "one is the paper's; three or more are better", least=0)
    own_datasets: bool = option(False, "each task on the dataset of the authors' script")
    beyond: bool = option(
        False, "also tuned random crops, `auto` and `race`, for a tenth and all of the least work"
    )
    out: str = option("reproduction", "all runs and the report go here", path=True)
    parallel: int | None = option(None, "runs at a time; else as many as cores", least=1)
    threads: int | None = option(None, "of each run; else the cores divided among them", least=1)


def main(words: Sequence[str]) -> int:
    return guarded("telegrad reproduce", lambda: reproduce(words))


def reproduce(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Reproduce.help())
        return 0
    own, rest = Reproduce.parse(words, others=None)
    directory = Path(own.out)
    refuse_foreign("reproduce", {directory / "reproduction.md": "| task | network | strategy |"})
    launching = ("out", "parallel", "threads")
    said: dict[str, Any] = {
        n: v for n, v in vars(own).items() if v is not None and n not in launching
    }
    workers = Workers(parallel=own.parallel, threads=own.threads)
    code = launched(reproduction(**(said | rest)), directory, workers)
    table = paper_table(summarize(directory))
    made = "\n".join(f"- {name}: {value}" for name, value in environment().items() if value)
    write_whole(directory / "reproduction.md", f"{table}\n\n{made}\n")
    print(f"Table    {directory / 'reproduction.md'}\n\n{table}")
    return code
