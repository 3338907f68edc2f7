"""A run that was stopped: whether it is the same one, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from telegrad.files import read_yaml
from telegrad.records import RunDirectory, environment
from telegrad.runs.build import build_schedule
from telegrad.runs.component import KINDS, Component, path_of, resolve
from telegrad.runs.config import Config
from telegrad.runs.inputs import changes, read_inputs
from telegrad.runs.version_0_1 import converted, converted_report, is_of_0_1
from telegrad.schedules import Schedule, Stage
from telegrad.training.checkpoint import read_state

MAY_CHANGE = frozenset(
    {
        *("strategy.steps", "strategy.work_units", "strategy.budget"),
        *("validation.sets", "validation.sets_every"),
        *("validation.times", "runtime.skip_updates", "runtime.save_every"),
        "output.tracker",
    }
)
"""Options that may change when a run goes on; it is noted."""

DOES_NOT_MATTER = frozenset(
    {
        *("telegrad", "data.path", "runtime.device", "runtime.processes", "runtime.memory"),
        *(
            "runtime.cache_dir",
            "runtime.num_workers",
            "output.directory",
            "output.label",
            "output.overwrite",
        ),
    }
)
"""Options that don't decide what a run comes to."""


def stored_content(files: RunDirectory) -> dict[str, Any]:
    """A run's configuration as it was written.

    Raises:
        ValueError: if there is none, or it can't be read.
    """
    if not files.config.is_file():
        raise ValueError(
            f"resume: {files.path} is not the directory of a run: no {files.config.name}. Give one "
            f"that a run left, such as results/runs/NAME."
        )
    try:
        content = read_yaml(files.config)
    except ValueError as error:
        raise ValueError(f"resume: {files.config} can't be read ({error}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"resume: {files.config} is not the configuration of a run.")
    return content


def named_again(content: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Component]:
    """Parts that options name as the run's file does, with its arguments; functions among them.

    A file may not have a function called; who names it may.

    Raises:
        ValueError: for a name that can't be imported.
    """
    parts: dict[str, Component] = {}
    for kind in (kind for kind in KINDS if kind in options):
        path, arguments = _named(content.get(kind))
        what = resolve(kind, options[kind], functions=True)
        if path == path_of(kind, what):
            parts[kind] = Component.of(kind, what, **(arguments or {}))
    return parts


def _named(part: Any) -> tuple[str, Mapping[str, Any] | None]:
    """The path and the arguments of a part in a file; None for arguments that are not known.

    No path for what names nothing, of which `Component.from_file` says more.
    """
    if not isinstance(part, Mapping):
        return str(part), {}
    arguments = part.get("init_args")
    by_name = isinstance(arguments, Mapping) and all(isinstance(name, str) for name in arguments)
    return str(part.get("class_path")) if by_name or arguments is None else "", arguments


def check_place(config: Config, files: RunDirectory) -> None:
    """Raises ValueError if the run in this directory is another, or goes by another name."""
    changes_since(stored_content(files), config)
    if config.name == files.name:
        return
    saved = read_state(files.last, files.previous) or {}
    changes_since(saved.get("configuration") or stored_content(files), config)
    raise ValueError(
        f"resume: {files.config} describes the run {config.name}, and its directory is called "
        f"{files.name}, so that its models and logs are not found. Call it "
        f"{RunDirectory(files.results, config.name).path} again, or put back what was changed in "
        f"{files.config.name}."
    )


def stopped_run(config: Config, device: torch.device) -> tuple[dict[str, Any] | None, list[str]]:
    """The last state of the run, None if it has not made a step, and what has changed since.

    Raises:
        ValueError: if it was another run, none of its states is whole, or it has lost them.
    """
    files = config.directory
    saved = read_state(files.last, files.previous, device)
    if saved is None:
        if files.best.exists() or files.report.exists() or _has_rows(files.train_log):
            raise ValueError(
                f"resume: {config.name} has made steps, and its state is missing ({files.last}). "
                f"Put it back, or start anew with --overwrite and without --resume."
            )
        return None, []
    changed = changes_since(saved.get("configuration") or stored_content(files), config)
    if saved["progress"]["best_iteration"] and not files.best.exists():
        raise ValueError(
            f"resume: {config.name} has lost its best model ({files.best}). Put it back; models "
            f"and logs lie beside the directory of runs, and move with it."
        )
    return saved, [*changed, *_with_costs(saved["progress"], files.report)]


def _with_costs(progress: dict[str, Any], report: Path) -> list[str]:
    """Puts into the progress of a state what the run took until then; says what is not known.

    A finished run's report knows it to the end, and where the state is of an older version.
    """
    figures = converted_report(read_inputs(report) or {})
    known = isinstance(figures.get("wall_seconds"), float)
    if known and figures.get("iteration") == progress["iteration"]:
        names = "wall_seconds", "estimated_seconds", "peak_memory"
        progress |= {name: figures.get(name) for name in names}
    elif "wall_seconds" not in progress:
        progress["wall_seconds"] = progress["seconds"]
        return ["seconds of validations and saves until then are not known"]
    return []


def _has_rows(log: Path) -> bool:
    """Whether there is more than the names of columns."""
    return log.exists() and log.read_bytes().count(b"\n") > 1


def changes_since(content: Mapping[str, Any], config: Config) -> list[str]:
    """What is another in the run than when it was described so, in words.

    Raises:
        ValueError: if that makes another run.
    """
    before = _described(content, config)
    changed, strategy = differences(before, config), config.build_strategy()
    if "strategy.budget" in changed and strategy.time_limit is not None:
        raise ValueError(
            f"resume: {before.name} had another budget ({changed['strategy.budget']}); a budget of "
            f"time is counted once, when a run begins. Use the same budget as then, or more work: "
            f"budget=…wu."
        )
    if refused := [text for name, text in changed.items() if name not in MAY_CHANGE]:
        raise ValueError(
            f"resume: {before.name} was another run ({'; '.join(refused)}). Use its own options, "
            f"another run_id, or --overwrite without --resume to start anew."
        )
    return list(changed.values())


def _described(content: Mapping[str, Any], config: Config) -> Config:
    """The run that was described so; what no description holds is taken from `config`.

    That is an object's arguments, what a function makes, and a network of one's own in version 0.1.
    """
    content = converted(content) if is_of_0_1(content) else content
    parts = {"network": config.network} if "network" not in content else {}
    for kind in KINDS:
        now, (path, arguments) = getattr(config, kind), _named(content.get(kind))
        if now is None or path != now.class_path:
            continue
        if now.instance is not None or arguments is None:
            parts[kind] = now
        elif not now.is_class:
            parts[kind] = Component.of(kind, now.factory, **arguments)
    return Config.from_dict(content, **parts)


def changed_inputs(config: Config, now: Mapping[str, Any], accept: bool) -> list[str]:
    """What a stopped run was made of and is another now, in words; and versions, for the record.

    Raises:
        ValueError: for other images or another source, unless that is accepted.
    """
    before = read_inputs(config.directory.inputs)
    if before is None:
        return ["it is not known which images it began with"]
    changed = changes(before, now)
    if changed and not accept:
        raise ValueError(
            f"resume: {config.name} was made of something else ({'; '.join(changed)}). Put back "
            f"what it was, or go on all the same with --accept_changes."
        )
    return [*changed, *_other_versions(config)]


def _other_versions(config: Config) -> list[str]:
    then, now = read_inputs(config.directory.environment) or {}, environment()
    return [
        f"{name} {then[name]} then, {now[name]} now"
        for name in ("python", "torch", "telegrad")
        if name in then and then[name] != now[name]
    ]


def differences(before: Config, now: Config) -> dict[str, str]:
    """Options that decide a run's outcome and are others than before, in words."""
    old, new = (flattened(config.to_dict()) for config in (before, now))
    return {
        name: f"{name}: {old.get(name)} then, {new.get(name)} now"
        for name in {**old, **new}
        if old.get(name) != new.get(name) and name not in DOES_NOT_MATTER
    }


def flattened(content: Mapping[str, Any]) -> dict[str, Any]:
    """A description of a run as options by name.

    >>> flattened({"network": {"class_path": "a.B", "init_args": {"width": 8}}, "seed": 1})
    {'network': 'a.B', 'network.width': 8, 'seed': 1}
    """
    options: dict[str, Any] = {}
    for part, value in content.items():
        if isinstance(value, Mapping):
            own = value.get("init_args", {}) if "class_path" in value else value
            if "class_path" in value:
                options[part] = value["class_path"]
            options |= {f"{part}.{name}": argument for name, argument in (own or {}).items()}
        else:
            options[part] = value
    return options


def lengthened(config: Config, stages: Sequence[Stage], probes: float = 0.0) -> Schedule:
    """The schedule of a run that had these stages, with as much work as is asked for.

    What is added goes to the last stage.

    Args:
        config: as it is now.
        stages: until now; they may have changed while the run trained.
        probes: work units that were spent on measuring.

    Raises:
        ValueError: if less is asked for than the run had.
    """
    asked, strategy = build_schedule(config), config.build_strategy()
    before = replace(asked, stages=tuple(stages))
    work = asked.work_units - before.work_units - probes
    last = before.step_cost(before.stages[-1])
    rounding = sum(before.step_cost(stage) for stage in before.stages)
    if strategy.steps is not None and strategy.adaptation(asked) is None:
        added = asked.steps - before.steps
    elif strategy.time_limit is not None or (
        before.lengths != asked.lengths and abs(work) <= rounding
    ):
        added = 0
    else:
        added = round(work / last)
    if added < 0:
        raise ValueError(
            f"resume: {config.name} has {before.steps:,} steps, {before.work_units:,g} work units; "
            f"{asked.steps:,} steps, {asked.work_units:,g} work units are asked for. Ask for as "
            f"many or more."
        )
    return before.of_lengths([*before.lengths[:-1], before.lengths[-1] + added])
