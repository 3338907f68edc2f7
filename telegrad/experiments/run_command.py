"""The command that makes a run again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from telegrad.experiments.run_files import defaults_of, short_name
from telegrad.runs.component import KINDS


def command(options: Mapping[str, Any]) -> str:
    """The command that makes a run with these options; data lie in DATA, results in results."""
    left_out = {"telegrad", "output.directory", "output.overwrite", "runtime.cache_dir"}
    defaults = defaults_of(options) | {"data": "telegrad.data.Photographs"}
    defaults |= {"optimizer": "torch.optim.Adam", "strategy": "telegrad.schedules.Single"}
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


def _class_name(kind: str, path: str) -> str:
    """A class as it is named on the command line."""
    if not path.startswith(KINDS[kind].room + "."):
        return path
    return short_name(path) if kind == "task" else path.rpartition(".")[2]
