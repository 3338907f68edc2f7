"""The command that makes a run again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from telegrad.experiments.run_files import defaults_of, short_name
from telegrad.runs.component import KINDS, resolve
from telegrad.runs.config import default_optimizer


def command(options: Mapping[str, Any]) -> str:
    """The command that makes a run with these options; data lie in DATA, results in results."""
    left_out = {"telegrad", "output.directory", "output.overwrite", "runtime.cache_dir"}
    defaults = defaults_of(options) | of_task(options)
    words = ["telegrad", "train", _class_name("task", options["task"])]
    for name, value in options.items():
        as_by_default = name in defaults and value == defaults[name]
        if name == "task" or name in left_out or as_by_default:
            continue
        if name in KINDS:
            shown = _class_name(name, value)
        elif name == "data.path" and value is not None:
            shown = "DATA"
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words += [f"--{name}={shown}"] if shown.startswith("--") else [f"--{name}", shown]
    return shlex.join(words)


def of_task(options: Mapping[str, Any]) -> dict[str, Any]:
    """Parts that a task of the library has where none is named, and the length of its strategy."""
    path = options["task"]
    if not path.startswith(f"{KINDS['task'].room}."):
        return {}
    with suppress(ValueError):
        task: Any = resolve("task", path, functions=False)
        kinds = ("data", "strategy")
        parts = {kind: f"{KINDS[kind].room}.{getattr(task, f'default_{kind}')}" for kind in kinds}
        strategy = _class_of("strategy", options.get("strategy", parts["strategy"]))
        usual = default_optimizer(task, strategy)
        parts["optimizer"] = usual if "." in usual else f"{KINDS['optimizer'].room}.{usual}"
        as_by_default = options.get("strategy.budget") == task.default_budget
        length = {"strategy.budget": task.default_budget} if as_by_default else {}
        lengths = ("strategy.steps", "strategy.work_units", "strategy.budget")
        if task.default_budget and all(options.get(name) is None for name in lengths):
            del parts["strategy"]  # where none is named, the task's budget comes with it
        return parts | length
    return {}


def _class_of(kind: str, path: str) -> Any:
    """A class of the library; None for a stranger's, whose source is not run."""
    if not path.startswith(f"{KINDS[kind].room}."):
        return None
    return resolve(kind, path, functions=False)


def _class_name(kind: str, path: str) -> str:
    """A class as it is named on the command line."""
    if not path.startswith(KINDS[kind].room + "."):
        return path
    return short_name(path) if kind == "task" else path.rpartition(".")[2]
