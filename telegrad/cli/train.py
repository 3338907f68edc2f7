"""`telegrad train`: a network for one task."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from telegrad.cli.arguments import scan
from telegrad.cli.guard import guarded
from telegrad.cli.run_options import HEAD, composed, help_of_run
from telegrad.files import expanded
from telegrad.records import RunDirectory
from telegrad.runs.compose import EVERYDAY, compose
from telegrad.runs.config import Config, parts_from_file
from telegrad.runs.processes import is_first_process
from telegrad.runs.version_0_1 import converted, is_of_0_1

USAGE = "telegrad train TASK [options]; or telegrad train --resume RUN_DIR [options]"
DESCRIPTION = (
    "Train a network for one task: denoising, superresolution, pairs, physics, …, or the "
    "dotted path of your own. The task's options are direct ones, such as --sigma. A run is not "
    "resumed with other images, or another source of a class, unless --accept_changes is given."
)
EXAMPLE = "telegrad train denoising --data PHOTOS --budget 10min"

RESUMING = {
    "resume": "go on with the stopped run in this directory; with --accept_changes also if its "
    "images, or the source of a class, are others than then",
}
"""What is said of an option that `train` alone has."""


def main(words: Sequence[str]) -> int:
    return guarded("telegrad train", lambda: train(words))


def train(words: Sequence[str]) -> int:
    positional, options = scan(words)
    options = with_task(positional, options)
    if "help" in options:
        print(help_of_run(USAGE, DESCRIPTION, EXAMPLE, options, HEAD | RESUMING))
        return 0

    from telegrad.cli.summary import (
        announcement,
        summary,
    )  # what trains is loaded once there is a run to make
    from telegrad.runs.running import run
    from telegrad.training.interruptions import Interrupted

    resume, accept = options.pop("resume", None), options.pop("accept_changes", "false")
    if accept not in ("true", "false") or (accept == "true" and resume is None):
        raise ValueError("--accept_changes goes with --resume, and has no value.")
    if resume is not None and not resume.strip():
        raise ValueError("--resume: which run? Give its directory, such as results/runs/NAME.")
    config = chosen(options) if resume is None else stored(resume, options)
    if resume is None and is_first_process():
        print(announcement(config), flush=True)
    try:
        report = run(config, resume=resume is not None, accept_changes=accept == "true")
    except Interrupted:
        if is_first_process():
            print(f"\n{left_by(config)}", file=sys.stderr)
        raise
    if is_first_process():
        print(summary(config, report))
    return 0


def left_by(config: Config) -> str:
    """What a stopped run has left, and how it goes on."""
    files = config.directory
    lines = [f"Picture  {files.picture}", f"Model    {files.best}"] if files.best.exists() else []
    again = shlex.join(["telegrad", "train", "--resume", str(files.path)])
    return "\n".join([*lines, f"Go on with: {again}"])


def with_task(positional: Sequence[str], options: Mapping[str, str]) -> dict[str, str]:
    """The options with the task among them.

    Raises:
        ValueError: for more than one positional word.
    """
    if len(positional) > 1:
        raise ValueError(f"{positional[1]!r} is one word too many; {USAGE}.")
    return {**({"task": positional[0]} if positional else {}), **options}


def chosen(options: Mapping[str, Any]) -> Config:
    """The run of the options on the command line; they must name a task, or a file that does.

    Raises:
        ValueError: if there is no task, or something else is wrong.
    """
    if not {"task", "config", "recipe"} & options.keys():
        raise ValueError(
            "which task? One of denoising, superresolution, pairs, physics, …, or the dotted "
            "path of your own."
        )
    return composed(options)


def stored(directory: str, options: Mapping[str, Any]) -> Config:
    """The run in a directory, with those options changed that may change.

    Raises:
        ValueError: for another option, or a directory that is not a run's.
    """
    from telegrad.runs.resume import check_place, named_again, stored_content

    files = RunDirectory.at(expanded(directory))
    moved = expanded(options.get("data", ""))
    is_moved = bool(moved) and Path(moved).is_dir()
    named = {name: value for name, value in options.items() if name != "data" or not is_moved}
    try:
        content = stored_content(files)
        content = converted(content) if is_of_0_1(content) else content
    except ValueError as error:
        raise _of_file(files, error) from error
    again = named_again(content, named)
    try:
        base = parts_from_file({k: v for k, v in content.items() if k not in again}) | again
    except (TypeError, ValueError) as error:
        raise _of_file(files, error) from error
    if is_moved and "path" in getattr(base.get("data"), "init_args", {}):
        options = named | {"data.path": moved}
    output = {**base.get("output", {}), "directory": str(files.results)}
    changed = compose(options, {**base, "output": output})
    for name in options:
        if not may_be_said(name, {"network", *again}):
            raise ValueError(
                f"resume: --{name} can't change in a run that goes on; only length, validations, "
                f"saves, trackers, device and the directory of the data can. Leave it out, or "
                f"begin another run."
            )
    check_place(changed, files)
    return changed


def _of_file(files: RunDirectory, error: Exception) -> ValueError:
    return ValueError(f"resume: {files.config}: {str(error).removeprefix('resume: ')}")


def may_be_said(name: str, parts: Collection[str]) -> bool:
    """Whether an option may stand beside --resume: one that may change, or of these parts."""
    from telegrad.runs.resume import DOES_NOT_MATTER, MAY_CHANGE

    whole = EVERYDAY.get(name, name)
    of_place = {key for key in DOES_NOT_MATTER if key.startswith(("output.", "telegrad"))}
    allowed = (MAY_CHANGE | DOES_NOT_MATTER) - of_place
    own = whole.partition(".")[0] in parts
    return own or any(whole in (key, key.partition(".")[2]) for key in allowed)
