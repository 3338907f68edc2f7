"""One page that shows what a directory of runs came to, and opens anywhere without a network."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from telegrad import __version__
from telegrad.atomic import write_whole
from telegrad.experiments.charts import Curve, loss_chart, work_chart
from telegrad.experiments.gallery import gallery
from telegrad.experiments.run_files import RunSummary, defaults_of, read_options, short_name
from telegrad.experiments.significance import in_words, with_error
from telegrad.experiments.summary import (
    Configuration,
    Setting,
    Summary,
    write_summary,
)
from telegrad.records import RunDirectory, refuse_foreign
from telegrad.runs.component import KINDS, resolve

MOST_SHOWN = 8
"""Configurations in charts and pictures; tables have all."""

_PAGE = Path(__file__).with_name("report.html")


def write_report(directory: str | Path) -> tuple[Path, Summary]:
    """Writes report.html, summary.csv and summary.json into a directory of runs.

    Args:
        directory: with runs at any depth, such as those of `telegrad compare`.

    Returns:
        the page's path, and what it shows.

    Raises:
        ValueError: if there are no runs.
        OSError: if something can't be written; what was there before is kept.
        FileExistsError: if a file of one of these names is there that is somebody else's.
    """
    root = Path(directory)
    page = root / "report.html"
    refuse_foreign("report", {page: '<meta name="generator" content="telegrad">'})
    summary = write_summary(root)
    by_path = {run.path: run for run in summary.runs}
    parts = [_of_setting(root, setting, by_path, k) for k, setting in enumerate(summary.settings)]
    text = Template(_PAGE.read_text(encoding="utf-8")).substitute(
        verdicts="".join(f"<p>{escape(verdict(s))}</p>" for s in summary.settings),
        settings="".join(parts),
        left_out=_left_out(summary),
        machines=_machines(summary),
        made=escape(f"telegrad {__version__}, {date.today()}"),
    )
    write_whole(page, text)
    return page, summary


def verdict(setting: Setting) -> str:
    """What a setting's figures say, in words."""
    name = f"{setting.name}: "
    if not setting.configurations:
        return name + "no run is finished."
    best, *others = setting.configurations
    loss = best.measured["valid_loss"]
    if loss is None:
        return name + "no loss is a number."
    words = [f"{name}{best.strategy} has the lowest validation loss, {loss.mean:.4g}"]
    if not others:
        words.append("; there is nothing to compare it with.")
    elif len(best.seeds) == 1:
        words.append(". With one seed no difference can be told from chance.")
    else:
        worse = [c.strategy for c in others if c.p is not None and c.p < 0.05]
        level = [c.strategy for c in others if c.p is not None and c.p >= 0.05]
        words.append(f", over {len(best.seeds)} seeds.")
        if worse:
            words.append(f" Significantly worse: {'; '.join(worse)}.")
        if level:
            words.append(f" Not told apart from it: {'; '.join(level)}.")
    if not setting.equal_budgets:
        words.append(" Budgets differ by more than 2 % of their work units: compare with care.")
    return "".join(words)


def _of_setting(
    root: Path, setting: Setting, by_path: Mapping[str, RunSummary], number: int
) -> str:
    shown = [c for c in setting.configurations if c.runs][:MOST_SHOWN]
    runs = [by_path[path] for c in setting.configurations for path in c.runs]
    return "\n".join(
        [
            f'<section aria-labelledby="s{number}"><h2 id="s{number}">{escape(setting.name)}</h2>',
            _table(setting, runs),
            _curves(root, shown, "work_units", "work units"),
            _curves(root, shown, "seconds", "seconds of training"),
            _work(root, shown),
            _pictures(root, shown),
            _variances(root, shown),
            _decisions(root, setting),
            _commands(root, setting),
            "</section>",
        ]
    )


def _table(setting: Setting, runs: Sequence[RunSummary]) -> str:
    heads = (
        *("strategy", "seeds", "validation loss", "PSNR, dB", "SSIM"),
        *("work units", "seconds", "peak memory, MiB", "against the best"),
    )
    rows = []
    for c in setting.configurations:
        memory = [r.peak_memory for r in runs if r.path in c.runs and r.peak_memory is not None]
        loss, psnr, ssim, work, seconds = (
            c.measured[name] for name in ("valid_loss", "psnr", "ssim", "work_units", "seconds")
        )
        cells = (
            *(str(len(c.seeds)), with_error(loss, ".4g"), with_error(psnr, ".2f")),
            *(with_error(ssim, ".4f"), with_error(work, ",.0f", False)),
            *(with_error(seconds, ",.1f"), f"{max(memory):,.0f}" if memory else "–"),
            in_words(c.p, best=c.best),
        )
        best = ' class="best"' if c.best else ""
        name = f'<th scope="row">{escape(c.strategy)}</th>'
        rows.append(f"<tr{best}>{name}{''.join(f'<td>{escape(x)}</td>' for x in cells)}</tr>")
    before = next((r.corrupted_psnr for r in runs if r.corrupted_psnr is not None), None)
    corrupted = "" if before is None else f" Before restoration: {before:.2f} dB."
    caption = f"Best first. ±: half a 95 % confidence interval of the mean over seeds.{corrupted}"
    return _scrolling_table(caption, heads, rows)


def _scrolling_table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


@dataclass(frozen=True)
class _Rows:
    """A run's progress.csv, as far as it is whole."""

    rows: list[dict[str, str]]

    @classmethod
    def of(cls, run: Path) -> _Rows:
        try:
            with RunDirectory.at(run).progress.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, csv.Error, UnicodeDecodeError):
            rows = []
        return cls([row for row in rows if None not in row.values()])

    def column(self, name: str) -> list[float]:
        return [float(row[name]) for row in self.rows]

    def work_by_level(self) -> dict[int, float]:
        """Every stage ends with a validation, so that what lies between two is of one level."""
        work: dict[int, float] = {}
        before = 0.0
        for row in self.rows:
            level, now = int(row["level"]), float(row["work_units"])
            work[level] = work.get(level, 0.0) + now - before
            before = now
        return work


def _curves(root: Path, shown: Sequence[Configuration], column: str, words: str) -> str:
    curves = []
    for c in shown:
        tables = [_Rows.of(root / path) for path in c.runs]
        try:
            runs = [
                (rows.column(column), rows.column("valid_loss")) for rows in tables if rows.rows
            ]
            curve = Curve(c.strategy, runs)
            curve.on_a_grid(2)
        except (KeyError, ValueError):
            continue
        curves.append(curve)
    if not curves:
        return "<p>No run has a readable progress.csv, so there is no curve.</p>"
    said = "; ".join(f"{c.name} ends at {min(c.runs[0][1]):.4g}" for c in curves)
    return _figure(
        loss_chart(curves, words),
        f"Validation loss against {words}: median and range over seeds.",
        f"Lines of validation loss against {words}. Lowest of each one's first seed: {said}.",
    )


def _work(root: Path, shown: Sequence[Configuration]) -> str:
    try:
        work = {c.strategy: _Rows.of(root / c.runs[0]).work_by_level() for c in shown}
    except (KeyError, ValueError):
        work = {}
    work = {name: of for name, of in work.items() if of}
    if not work:
        return ""
    said = "; ".join(
        f"{name}: " + ", ".join(f"level {level} {units:,.0f}" for level, units in of.items())
        for name, of in work.items()
    )
    caption = (
        "Work units by the finest level of a step, of the first seed. Level 0 is the coarsest."
    )
    return _figure(work_chart(work), caption, f"Bars of work units by level. {said}.")


def _figure(svg: str, caption: str, description: str) -> str:
    return (
        f'<figure class="chart"><div role="img" aria-label="{escape(description)}">{svg}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _pictures(root: Path, shown: Sequence[Configuration]) -> str:
    checkpoints = {c.strategy: RunDirectory.at(root / c.runs[0]).best for c in shown}
    if not checkpoints:
        return ""
    try:
        return gallery(checkpoints)
    except (OSError, ValueError) as error:
        return f"<p>No pictures: {escape(str(error))}</p>"


def _variances(root: Path, shown: Sequence[Configuration]) -> str:
    parts = []
    for c in shown:
        try:
            with RunDirectory.at(root / c.runs[0]).levels.open(
                newline="", encoding="utf-8"
            ) as file:
                heads, *rows = [row for row in csv.reader(file) if row]
        except (OSError, ValueError, csv.Error):
            continue
        lines = ["<tr>" + "".join(f"<td>{escape(x)}</td>" for x in row) + "</tr>" for row in rows]
        caption = f"{c.strategy}, first seed: the gradients as they were measured in training."
        parts.append(_scrolling_table(caption, heads, lines))
    if not parts:
        return ""
    return f"<details><summary>Variance of the gradients</summary>{''.join(parts)}</details>"


def _decisions(root: Path, setting: Setting) -> str:
    items = []
    for path in (path for c in setting.configurations for path in c.runs):
        try:
            text = RunDirectory.at(root / path).events.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        said = "".join(f"<li>{escape(line)}</li>" for line in text.splitlines())
        items.append(f"<h3>{escape(path)}</h3><ul>{said}</ul>")
    if not items:
        return ""
    title = "What runs decided, and what befell them"
    return f"<details><summary>{title}</summary>{''.join(items)}</details>"


def _commands(root: Path, setting: Setting) -> str:
    items = [
        f"<dt>{escape(c.strategy)}, seed {c.seeds[0]}</dt>"
        f"<dd><code>{escape(command(read_options(RunDirectory.at(root / c.runs[0]))))}</code></dd>"
        for c in setting.configurations
        if c.runs
    ]
    return f"<details><summary>How to make each again</summary><dl>{''.join(items)}</dl></details>"


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
        kinds = ("data", "optimizer", "strategy")
        parts = {kind: f"{KINDS[kind].room}.{getattr(task, f'default_{kind}')}" for kind in kinds}
        as_by_default = options.get("strategy.budget") == task.default_budget
        length = {"strategy.budget": task.default_budget} if as_by_default else {}
        return parts | length
    return {}


def _class_name(kind: str, path: str) -> str:
    """A class as it is named on the command line."""
    if not path.startswith(KINDS[kind].room + "."):
        return path
    return short_name(path) if kind == "task" else path.rpartition(".")[2]


def _left_out(summary: Summary) -> str:
    runs = [run for run in summary.runs if run.status != "finished"]
    if not runs:
        return ""
    items = "".join(f"<li>{escape(run.path)}: {escape(run.status)}</li>" for run in runs)
    return f"<section><h2>Not averaged in</h2><ul>{items}</ul></section>"


def _machines(summary: Summary) -> str:
    items = []
    for environment in summary.environments:
        said = ", ".join(f"{name} {value}" for name, value in environment.items() if value)
        items.append(f"<li>{escape(said)}</li>")
    return f"<ul>{''.join(items)}</ul>"
