"""`telegrad plan`: what a run will cost."""

from __future__ import annotations

from collections.abc import Sequence

from telegrad.cli.arguments import scan
from telegrad.cli.guard import guarded
from telegrad.cli.run_options import help_of_run
from telegrad.cli.train import chosen, with_task
from telegrad.runs.processes import is_first_process

USAGE = "telegrad plan TASK [options]"
DESCRIPTION = (
    "Print the stages of a run, their batch sizes and work units, and estimate seconds and peak "
    "memory from a few steps of each stage on this machine. The options are those of `telegrad "
    "train`; nothing is written."
)
EXAMPLE = "telegrad plan denoising --network ResNet --budget 10min"


def main(words: Sequence[str]) -> int:
    return guarded("telegrad plan", lambda: show(words))


def show(words: Sequence[str]) -> int:
    positional, options = scan(words)
    options = with_task(positional, options)
    if "help" in options:
        print(help_of_run(USAGE, DESCRIPTION, EXAMPLE, options))
        return 0

    from telegrad.runs.planning import plan  # loads what trains

    planned = plan(chosen(options))
    if is_first_process():
        print(planned)
    return 0
