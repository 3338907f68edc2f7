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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from telegrad import __version__
from telegrad.experiments.comparison import EQUAL
from telegrad.experiments.run_files import DEFAULTS, FoundRun, RunSummary

OF_SETTING = (
    *("task", "dataset", "network", "channels", "residual", "dropout"),
    *("img_size", "patch_size", "train_patches", "test_patches", "data_dir", "bad_images"),
    *("t_max", "sigma", "val_images"),
)
"""Options that decide the problem."""

OF_RUN = (
    *("seed", "run_id", "results_dir", "device", "processes", "overwrite", "resume"),
    *("save_every", "memory", "cache_dir"),
)
"""Options in which the runs of one configuration may differ."""

MEASURED = ("valid_loss", "psnr", "ssim", "work_units", "seconds")
"""What is averaged over the runs of a configuration."""


@dataclass(frozen=True)
class Mean:
    """Over seeds, with the ends of its 95 % confidence interval (Student's t); none of one seed."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        if not values or not np.isfinite(values).all():
            return None
        mean = float(np.mean(values))
        if len(values) == 1:
            return cls(mean, None, None)
        error = float(stats.sem(values))
        if error == 0:
            return cls(mean, mean, mean)
        low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
        return cls(mean, float(low), float(high))


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
        network = f"{shown.pop('network')} {shown.pop('channels', None) or ''}".strip()
        title = [str(shown.pop("task")), network, str(shown.pop("dataset"))]
        if shown.get("data_dir"):
            shown["data_dir"] = Path(shown["data_dir"]).name
        return ", ".join([*title, *(f"{name} {value}" for name, value in shown.items())])


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
        return "\n\n".join(parts)


def summarize(directory: str | Path) -> Summary:
    """All runs at any depth below a directory.

    Raises:
        ValueError: if there are none, or it is no directory.
    """
    root = Path(directory)
    if not root.is_dir():
        raise ValueError(f"{root} is not a directory; needs one with runs in it.")
    configs = sorted(root.rglob("runs/*/config.yaml"))
    if not configs:
        raise ValueError(
            f"{root} holds no runs (…/runs/NAME/config.yaml); needs a results_dir of `multiscale "
            f"train` or `telegrad compare`."
        )
    found = [FoundRun.read(config, root) for config in configs]
    runs: list[RunSummary] = []
    settings: list[Setting] = []
    for _, of_setting in groupby(sorted(found, key=_by_setting), key=_by_setting):
        group = list(of_setting)
        names = _names(group)
        rows = [one.row(names[_by_configuration(one)]) for one in group]
        runs += rows
        if group[0].readable:
            settings.append(_setting(group, rows))
    environments = [one.environment for one in found if one.environment]
    different = {json.dumps(_machine(e), sort_keys=True): _machine(e) for e in environments}
    return Summary(runs, settings, list(different.values()))


def write_summary(directory: str | Path) -> Summary:
    """Writes summary.csv and summary.json into the directory; errors as for `summarize`.

    Raises:
        OSError: if they can't be written; what was there before is kept.
    """
    summary, root = summarize(directory), Path(directory)
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(RunSummary)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(run) for run in summary.runs)
    write_whole(root / "summary.csv", text.getvalue())
    content = {"multiscale": __version__, **asdict(summary)}
    write_whole(root / "summary.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
    return summary


def write_whole(path: Path, text: str) -> None:
    """The file with this text; until it is whole, the one before stays.

    Raises:
        OSError: if it can't be written.
    """
    aside = path.with_name(path.name + ".part")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written ({error}); what was there is kept.") from error


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
            f"{significance(c)}"
        )
    return "\n".join(lines)


def with_error(value: Mean | None, form: str, error: bool = True) -> str:
    """A mean and half the width of its confidence interval."""
    if value is None:
        return "–"
    if value.high is None or not error:
        return f"{value.mean:{form}}"
    half = value.high - value.mean
    return f"{value.mean:{form}} ± {half:{'.2g' if form == '.4g' else form}}"


def significance(configuration: Configuration) -> str:
    """How a configuration's loss compares with the best one's, in words."""
    if configuration.best:
        return "best"
    if configuration.p is None:
        return "not tested: needs two seeds or more"
    if configuration.p < 0.05:
        return f"worse (p = {configuration.p:.2g})"
    return f"not told apart from the best (p = {configuration.p:.2g})"


def _by_setting(one: FoundRun) -> str:
    return json.dumps([one.readable, *(one.config.get(n) for n in OF_SETTING)], default=str)


def _by_configuration(one: FoundRun) -> str:
    return json.dumps(_how(one), sort_keys=True, default=str)


def _how(one: FoundRun) -> dict[str, Any]:
    return {n: v for n, v in one.config.items() if n not in (*OF_SETTING, *OF_RUN)}


def _names(group: Sequence[FoundRun]) -> dict[str, str]:
    """A name for each configuration: its label or mode, and what tells it from one of the same."""
    by_key = {_by_configuration(one): one for one in group}
    base = {
        key: str(one.config.get("label") or one.config.get("mode")) for key, one in by_key.items()
    }
    names = {}
    for key, one in by_key.items():
        same = [by_key[other] for other in by_key if base[other] == base[key]]
        own = _how(one)
        telling = [n for n in own if any(_how(other).get(n) != own[n] for other in same)]
        told = ", ".join(f"{n}={own[n]}" for n in telling)
        names[key] = f"{base[key]} ({told})" if told else base[key]
    return names


def _setting(group: Sequence[FoundRun], rows: Sequence[RunSummary]) -> Setting:
    finished = [row for row in rows if row.status == "finished"]
    by_name: dict[str, list[RunSummary]] = {}
    for row in sorted(finished, key=lambda row: row.seed):
        by_name.setdefault(row.strategy, []).append(row)
    losses = {name: [_loss(row) for row in of] for name, of in by_name.items()}
    several = any(len(rows) > 1 for rows in by_name.values())
    in_order = sorted(
        by_name, key=lambda name: (several and len(by_name[name]) == 1, np.mean(losses[name]))
    )
    corrected = dict(zip(in_order[1:], holm(_against_best(in_order, by_name)), strict=True))
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
    config = group[0].config
    options = {
        n: config[n]
        for n in OF_SETTING
        if n in config and (config[n] != DEFAULTS[n] or n in ("task", "network", "dataset"))
    }
    equal = not work or max(work) - min(work) <= EQUAL * max(work)
    return Setting(options, equal, configurations)


def _against_best(
    in_order: Sequence[str], by_name: dict[str, list[RunSummary]]
) -> list[float | None]:
    """p-values of each configuration's loss being the first one's; paired where seeds are."""
    values: list[float | None] = []
    for name in in_order[1:]:
        best, other = by_name[in_order[0]], by_name[name]
        losses = [[_loss(row) for row in rows] for rows in (best, other)]
        if min(map(len, losses)) < 2 or not np.isfinite(np.concatenate(losses)).all():
            values.append(None)
            continue
        paired = [row.seed for row in best] == [row.seed for row in other]
        differences = np.subtract(losses[0], losses[1]) if paired else None
        if differences is not None and np.ptp(differences) == 0:
            values.append(1.0 if differences[0] == 0 else 0.0)
            continue
        test = stats.ttest_rel(*losses) if paired else stats.ttest_ind(*losses, equal_var=False)
        values.append(float(test.pvalue))
    return values


def holm(values: Iterable[float | None]) -> list[float | None]:
    """p-values corrected for being several (Holm 1979); None stays.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    given = list(values)
    order = sorted((k for k, p in enumerate(given) if p is not None), key=lambda k: given[k] or 0.0)
    corrected, least = list(given), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * (given[k] or 0.0)))
        corrected[k] = least
    return corrected


def _loss(row: RunSummary) -> float:
    return math.inf if row.valid_loss is None else row.valid_loss


def _machine(environment: dict[str, Any]) -> dict[str, Any]:
    """What of an environment is the same for all runs on one machine."""
    return {name: value for name, value in environment.items() if name != "command"}
