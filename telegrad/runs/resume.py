"""A run that was stopped: whether it is the same one, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from telegrad.files import read_yaml
from telegrad.records import RunDirectory, environment
from telegrad.runs.build import build_schedule
from telegrad.runs.config import Config
from telegrad.runs.inputs import changes, read_inputs
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


def stopped_run(config: Config, device: torch.device) -> tuple[dict[str, Any] | None, list[str]]:
    """The last state of the run, None if nothing was saved, and what has changed since.

    Raises:
        ValueError: if it was another run, or none of its states is whole.
    """
    files = config.directory
    saved = read_state(files.last, files.previous, device)
    if saved is None:
        return None, []
    changed = differences(Config.from_dict(stored_content(files), **_instances(config)), config)
    strategy = config.build_strategy()
    if "strategy.budget" in changed and strategy.time_limit is not None:
        raise ValueError(
            f"resume: {config.name} had another budget ({changed['strategy.budget']}); a budget of "
            f"time is counted once, when a run begins. Use the same budget as then, or more work: "
            f"budget=…wu."
        )
    if refused := [text for name, text in changed.items() if name not in MAY_CHANGE]:
        raise ValueError(
            f"resume: {config.name} was another run ({'; '.join(refused)}). Use its own options, "
            f"another run_id, or --overwrite without --resume to start anew."
        )
    return saved, list(changed.values())


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


def _instances(config: Config) -> dict[str, Any]:
    """Parts that were given as objects, which a file can't describe."""
    parts = {name: getattr(config, name) for name in ("network", "loss")}
    return {name: part for name, part in parts.items() if part is not None and part.instance}


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
