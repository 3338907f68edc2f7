"""Runs side by side: read from their directories, averaged over seeds, and tested for differences.

Runs are compared within a setting, which is all that decides the problem: task, network, images,
noise. A configuration is all that decides how it is trained; its runs differ in their seed alone.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from telegrad import __version__
from telegrad.atomic import write_whole
from telegrad.experiments.comparison import EQUAL
from telegrad.experiments.run_files import RunFiles, RunSummary, defaults_of, short_name
from telegrad.experiments.significance import Mean, holm, in_words, p_values, with_error
from telegrad.records import refuse_foreign, run_directories

OF_PROBLEM = ("task", "network", "data", "loss", "validation.images")
"""Parts of a run, and options of it, that decide the problem."""

PATHS = ("data.path", "task.kernels", "task.masks")
"""Options of the problem that are one for all spellings of a path."""

OF_RUN = ("seed", "output", "runtime", "telegrad")
"""Parts in which the runs of one configuration may differ."""

MEASURED = ("valid_loss", "psnr", "ssim", "work_units", "seconds")
"""What is averaged over the runs of a configuration."""


@dataclass(frozen=True)
class Configuration:
    """The finished runs that differ in their seed alone.

    Attributes:
        strategy: its name.
        seeds: of its runs.
        measured: means by name, see `MEASURED`; None for what is not a number in every run.
        p: of its loss being the best configuration's, corrected for several comparisons; None for
            the best itself, and where one of the two has one seed only.
        best: whether its mean loss is the least of the setting.
        runs: its runs, as their paths.
    """

    strategy: str
    seeds: list[int]
    measured: dict[str, Mean | None]
    p: float | None
    best: bool
    runs: list[str]


@dataclass(frozen=True)
class Setting:
    """One problem, and the configurations that were trained for it, best first.

    Where some have several seeds, those with one come last: one seed can't be the best.

    Attributes:
        options: that decide the problem, where they are not the defaults.
        equal_budgets: whether all finished runs cost the same to within 2 % of their work units.
    """

    options: dict[str, Any]
    equal_budgets: bool
    configurations: list[Configuration]

    @property
    def name(self) -> str:
        """Task, network, and what else is not as by default."""
        shown = dict(self.options)
        network = short_name(shown.pop("network"))
        channels = shown.pop("network.channels", None) or ""
        title = [short_name(shown.pop("task")), f"{network} {channels}".strip()]
        title.append(short_name(shown.pop("data")))
        if shown.get("data.path"):
            shown["data.path"] = Path(str(shown["data.path"])).name
        if shown.get("loss"):
            shown["loss"] = short_name(str(shown["loss"]))
        return ", ".join([*title, *(f"{_brief(n)} {value}" for n, value in shown.items())])


@dataclass(frozen=True)
class Summary:
    """All runs below a directory."""

    runs: list[RunSummary]
    settings: list[Setting]
    environments: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [table(setting) for setting in self.settings]
        left_out = [run for run in self.runs if run.status != "finished"]
        parts += [f"{run.path}: {run.status}, not averaged in." for run in left_out]
        counted = {path for s in self.settings for c in s.configurations for path in c.runs}
        again = [run for run in self.runs if run.status == "finished" and run.path not in counted]
        parts += [f"{run.path}: a configuration and seed once more, not counted." for run in again]
        return "\n\n".join(parts)


def summarize(directory: str | Path) -> Summary:
    """All runs at any depth below a directory.

    Raises:
        ValueError: if there are none, or it is no directory.
    """
    root = Path(directory)
    if not root.is_dir():
        raise ValueError(f"{root} is not a directory; needs one with runs in it.")
    directories = run_directories(root)
    if not directories:
        raise ValueError(
            f"{root} holds no runs (…/runs/NAME/config.yaml); needs a directory that `telegrad "
            f"train` or `telegrad compare` wrote to."
        )
    all_runs = [RunFiles.read(files, root) for files in directories]
    runs: list[RunSummary] = []
    settings: list[Setting] = []
    for _, of_setting in groupby(sorted(all_runs, key=_by_setting), key=_by_setting):
        group = list(of_setting)
        names = _names(group)
        rows = [one.row(names[_by_configuration(one)]) for one in group]
        runs += rows
        if group[0].readable:
            settings.append(_setting(group, rows))
    environments = [one.environment for one in all_runs if one.environment]
    different = {json.dumps(_machine(e), sort_keys=True): _machine(e) for e in environments}
    return Summary(runs, settings, list(different.values()))


def write_summary(directory: str | Path) -> Summary:
    """Writes summary.csv and summary.json into the directory; errors as for `summarize`.

    Raises:
        OSError: if they can't be written; what was there before is kept.
        FileExistsError: if a file of one of these names is there that is somebody else's.
    """
    summary, root = summarize(directory), Path(directory)
    table, whole = root / "summary.csv", root / "summary.json"
    text = io.StringIO()
    columns = [f.name for f in fields(RunSummary)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    refuse_foreign("report", marks_of_summary(root))
    writer.writerows(asdict(run) for run in summary.runs)
    write_whole(table, text.getvalue())
    content = {"telegrad": __version__, **asdict(summary)}
    write_whole(whole, json.dumps(content, indent=2, allow_nan=False) + "\n")
    return summary


def marks_of_summary(directory: Path) -> dict[Path, str]:
    """The files of `write_summary`, and by what each is known as its own."""
    columns = [f.name for f in fields(RunSummary)]
    marks = {"summary.csv": ",".join(columns[:4]), "summary.json": '"telegrad"'}
    return {directory / name: mark for name, mark in marks.items()}


def table(setting: Setting) -> str:
    """A setting's configurations as text, best first."""
    width = max([8, *(len(c.strategy) for c in setting.configurations)])
    lines = [
        setting.name + ("" if setting.equal_budgets else "; budgets differ"),
        f"{'strategy':<{width}}{'seeds':>6}{'loss':>24}{'PSNR, dB':>20}{'SSIM':>18}"
        f"{'WU':>10}{'seconds':>10}",
    ]
    for c in setting.configurations:
        loss, psnr, ssim, work, seconds = (c.measured[name] for name in MEASURED)
        lines.append(
            f"{c.strategy:<{width}}{len(c.seeds):>6}{with_error(loss, '.4g'):>24}"
            f"{with_error(psnr, '.2f'):>20}{with_error(ssim, '.4f'):>18}"
            f"{with_error(work, ',.0f', False):>10}{with_error(seconds, ',.1f', False):>10}  "
            f"{in_words(c.p, best=c.best)}"
        )
    return "\n".join(lines)


def _by_setting(one: RunFiles) -> str:
    what = _what(one)
    placed = {n: os.path.realpath(what[n]) for n in PATHS if isinstance(what.get(n), str)}
    return json.dumps([one.readable, what | placed], sort_keys=True, default=str)


def _by_configuration(one: RunFiles) -> str:
    return json.dumps(_how(one), sort_keys=True, default=str)


def _what(one: RunFiles) -> dict[str, Any]:
    """Options that decide the problem."""
    return {n: v for n, v in one.options.items() if n in OF_PROBLEM or _part(n) in OF_PROBLEM}


def _how(one: RunFiles) -> dict[str, Any]:
    """Options that decide how it is trained."""
    what = _what(one)
    precision = {n: v for n, v in one.options.items() if n == "runtime.precision"}
    rest = {n: v for n, v in one.options.items() if n not in what and _part(n) not in OF_RUN}
    label = {n: v for n, v in one.options.items() if n == "output.label"}
    return rest | precision | label


def _part(name: str) -> str:
    return name.partition(".")[0]


def _brief(name: str) -> str:
    """The name of an option without its part."""
    return name.rpartition(".")[2]


def _names(group: Sequence[RunFiles]) -> dict[str, str]:
    """A name for each configuration: its label or mode, and what tells it from one of the same."""
    by_key = {_by_configuration(one): one for one in group}
    base = {
        key: str(one.options.get("output.label") or one.named("strategy"))
        for key, one in by_key.items()
    }
    names = {}
    for key, one in by_key.items():
        same = [by_key[other] for other in by_key if base[other] == base[key]]
        own = _how(one)
        telling = [n for n in own if any(_how(other).get(n) != own[n] for other in same)]
        told = ", ".join(f"{_brief(n)}={own[n]}" for n in telling)
        names[key] = f"{base[key]} ({told})" if told else base[key]
    return names


def _setting(group: Sequence[RunFiles], rows: Sequence[RunSummary]) -> Setting:
    finished = _one_a_seed([row for row in rows if row.status == "finished"])
    by_name: dict[str, list[RunSummary]] = {}
    for row in finished:
        by_name.setdefault(row.strategy, []).append(row)
    losses = {name: [_loss(row) for row in of] for name, of in by_name.items()}
    several = any(len(rows) > 1 for rows in by_name.values())
    in_order = sorted(
        by_name, key=lambda name: (several and len(by_name[name]) == 1, np.mean(losses[name]))
    )
    values = p_values(
        [losses[name] for name in in_order],
        [[row.seed for row in by_name[name]] for name in in_order],
    )
    corrected = dict(zip(in_order[1:], holm(values), strict=True))
    configurations = [
        Configuration(
            strategy=name,
            seeds=[row.seed for row in by_name[name]],
            measured={
                what: Mean.of(
                    [
                        math.nan if getattr(r, what) is None else getattr(r, what)
                        for r in by_name[name]
                    ]
                )
                for what in MEASURED
            },
            p=corrected.get(name),
            best=name == in_order[0] and math.isfinite(float(np.mean(losses[name]))),
            runs=[row.path for row in by_name[name]],
        )
        for name in in_order
    ]
    work = [row.work_units or 0.0 for row in finished]
    what, defaults = _what(group[0]), defaults_of(group[0].options)
    options = {
        name: value
        for name, value in what.items()
        if name in ("task", "network", "data")
        or (value != defaults.get(name) and value is not None)
    }
    equal = not work or max(work) - min(work) <= EQUAL * max(work)
    return Setting(options, equal, configurations)


def _one_a_seed(rows: Sequence[RunSummary]) -> list[RunSummary]:
    """The first run of each configuration and seed, by seed: another of it, or a copy, is the same
    draw once more, and no evidence."""
    first: dict[tuple[str, int], RunSummary] = {}
    for row in sorted(rows, key=lambda row: (row.seed, row.path)):
        first.setdefault((row.strategy, row.seed), row)
    return list(first.values())


def _loss(row: RunSummary) -> float:
    return math.inf if row.valid_loss is None else row.valid_loss


def _machine(environment: dict[str, Any]) -> dict[str, Any]:
    """What of an environment is the same for all runs on one machine."""
    return {name: value for name, value in environment.items() if name != "command"}
