"""One page that shows what a directory of runs came to, and opens anywhere without a network."""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from html import escape
from pathlib import Path
from string import Template

from telegrad import __version__
from telegrad.atomic import write_whole
from telegrad.experiments.charts import SERIES, Curve, loss_chart, work_chart
from telegrad.experiments.course import Cost, Course
from telegrad.experiments.equal_cost import EqualCost, usual_and_best
from telegrad.experiments.gallery import gallery
from telegrad.experiments.headline import headline
from telegrad.experiments.run_command import command
from telegrad.experiments.run_files import RunSummary, read_options
from telegrad.experiments.summary import (
    Configuration,
    Setting,
    Summary,
    marks_of_summary,
    write_summary,
)
from telegrad.experiments.verdict_table import table, verdict_table
from telegrad.records import RunDirectory, refuse_foreign

REFRESH = 10
"""Seconds after which the page of a comparison that goes on is read again."""

MARK = '<meta name="generator" content="telegrad">'


def check_report(directory: Path) -> None:
    """Raises FileExistsError if a file that a report writes is there, and somebody else's."""
    refuse_foreign("report", {directory / "report.html": MARK, **marks_of_summary(directory)})


def write_report(
    directory: str | Path, *, status: str = "", live: bool = False
) -> tuple[Path, Summary]:
    """Writes report.html, summary.csv and summary.json into a directory of runs.

    Args:
        directory: with runs at any depth, such as those of `telegrad compare`.
        status: what is under way, or was stopped; it stands on top.
        live: whether runs go on: the page then refreshes itself and leaves out pictures, which
            would cost the runs time.

    Returns:
        the page's path, and what it shows.

    Raises:
        ValueError: if there are no runs.
        OSError: if something can't be written; what was there before is kept.
        FileExistsError: if a file of one of these names is there that is somebody else's.
    """
    root = Path(directory)
    page = root / "report.html"
    check_report(root)
    summary = write_summary(root)
    by_path = {run.path: run for run in summary.runs}
    shown = [_Shown(root, s, by_path, k) for k, s in enumerate(summary.settings)]
    script, style = (_file(f"report.{kind}").strip() for kind in ("js", "css"))
    text = Template(_file("report.html")).substitute(
        title=escape(f"Runs in {root.resolve().name}"),
        style=style,
        script=script,
        script_digest=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        status=_status(status, live),
        leads="".join(one.lead() for one in shown),
        settings="".join(one.section(pictures=not live) for one in shown),
        left_out=_left_out(summary),
        machines=_machines(summary),
        made=escape(f"telegrad {__version__}, {date.today()}"),
    )
    write_whole(page, text)
    return page, summary


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _status(status: str, live: bool) -> str:
    if not status:
        return ""
    button = f'<button type="button" data-seconds="{REFRESH}" hidden></button>' if live else ""
    return f'<div class="status"><p role="status">{escape(status)}</p>{button}</div>'


@dataclass(frozen=True)
class _Shown:
    """A setting's part of the page."""

    root: Path
    setting: Setting
    by_path: Mapping[str, RunSummary]
    number: int

    @cached_property
    def equal(self) -> EqualCost:
        return EqualCost.of(self.root, self.setting.configurations)

    @cached_property
    def modes(self) -> dict[str, str]:
        """The strategies' classes by their names."""
        return {c.strategy: self.by_path[c.runs[0]].mode for c in self.configurations}

    @property
    def configurations(self) -> list[Configuration]:
        return [c for c in self.setting.configurations if c.runs]

    @property
    def charted(self) -> list[Configuration]:
        """As many as there are colors; tables have all."""
        return self.configurations[:SERIES]

    def lead(self) -> str:
        """The sentences that the page opens with."""
        first, *others = headline(self.setting, self.equal, self.modes)
        link = escape(self.setting.name)
        if self.configurations:
            link = f'<a href="#s{self.number}">{link}</a>'
        return (
            f'<div class="lead"><p class="first">{escape(first)}</p>'
            f"<p>{escape(' '.join(others))}</p><p class='quiet'>{link}</p></div>"
        )

    def section(self, pictures: bool) -> str:
        runs = [self.by_path[path] for c in self.setting.configurations for path in c.runs]
        name, at = escape(self.setting.name), f"s{self.number}"
        if not runs:
            return ""
        return "\n".join(
            [
                f'<section aria-labelledby="{at}"><h2 id="{at}">{name}</h2>',
                verdict_table(self.setting, self.equal, runs),
                f'<div class="charts">{self._curves("work_units", "work units")}'
                f"{self._curves('seconds', 'seconds of training')}{self._work()}</div>",
                self._pictures() if pictures else "",
                self._variances(),
                self._decisions(),
                self._commands(),
                "</section>",
            ]
        )

    def _curves(self, cost: Cost, words: str) -> str:
        curves = []
        for c in self.charted:
            courses = [Course.read(self.root / path) for path in c.runs]
            try:
                runs = [(x.column(cost), x.column("valid_loss")) for x in courses if x.rows]
            except (KeyError, ValueError):
                continue
            curves += Curve(c.strategy, runs).drawable()
        if not curves:
            return "<p>No run has a readable progress.csv, so there is no curve.</p>"
        several = any(len(curve.runs) > 1 for curve in curves)
        caption = f"Validation loss against {words}{': median and range over seeds' * several}"
        return _figure(loss_chart(curves, words), caption)

    def _work(self) -> str:
        try:
            work = {
                c.strategy: Course.read(self.root / c.runs[0]).work_by_level() for c in self.charted
            }
        except (KeyError, ValueError):
            work = {}
        work = {name: of for name, of in work.items() if of}
        if not work:
            return ""
        caption = "Work units by the finest level of a step; level 0 is the coarsest"
        return _figure(work_chart(work), caption)

    def _pictures(self) -> str:
        pair = usual_and_best(self.configurations, self.modes) or ()
        others = [c for c in self.configurations if c not in pair]
        checkpoints = {
            c.strategy: RunDirectory.at(self.root / c.runs[0]).best for c in (*pair, *others)
        }
        try:
            return f'<div class="gallery">{gallery(checkpoints, self.setting.name)}</div>'
        except (OSError, ValueError) as error:
            return f"<p>No pictures: {escape(str(error))}</p>"

    def _variances(self) -> str:
        parts = []
        for c in self.charted:
            try:
                with RunDirectory.at(self.root / c.runs[0]).levels.open(
                    newline="", encoding="utf-8"
                ) as file:
                    heads, *rows = [row for row in csv.reader(file) if row]
            except (OSError, ValueError, csv.Error):
                continue
            lines = [
                "<tr>" + "".join(f"<td>{escape(x)}</td>" for x in row) + "</tr>" for row in rows
            ]
            caption = f"{c.strategy}, first seed: the gradients as they were measured in training."
            parts.append(table(caption, heads, lines, of=f"gradients of {c.strategy}"))
        return _details("Variance of the gradients", parts)

    def _decisions(self) -> str:
        parts = []
        for path in (path for c in self.setting.configurations for path in c.runs):
            try:
                events = RunDirectory.at(self.root / path).events
                text = events.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            said = "".join(f"<li>{escape(line)}</li>" for line in text.splitlines())
            parts.append(f"<h3>{escape(path)}</h3><ul>{said}</ul>")
        return _details("What runs decided, and what befell them", parts)

    def _commands(self) -> str:
        items = []
        for c in self.configurations:
            words = command(read_options(RunDirectory.at(self.root / c.runs[0])))
            name = f"{c.strategy}, seed {c.seeds[0]}"
            items.append(f"<dt>{escape(name)}</dt><dd><code>{escape(words)}</code></dd>")
        return _details("How to make each again", ["<dl>", *items, "</dl>"])


def _details(title: str, parts: Sequence[str]) -> str:
    """Parts that are opened when they are wanted; nothing if there are none."""
    if not parts:
        return ""
    return f"<details><summary>{title}</summary>{''.join(parts)}</details>"


def _figure(chart: str, caption: str) -> str:
    return f'<figure class="chart"><figcaption>{escape(caption)}</figcaption>{chart}</figure>'


def _left_out(summary: Summary) -> str:
    runs = [run for run in summary.runs if run.status != "finished"]
    if not runs:
        return ""
    items = "".join(f"<li>{escape(run.path)}: {escape(run.status)}</li>" for run in runs)
    title = '<h2 id="out">Not averaged in</h2>'
    return f'<section aria-labelledby="out">{title}<ul>{items}</ul></section>'


def _machines(summary: Summary) -> str:
    items = []
    for environment in summary.environments:
        said = ", ".join(f"{name} {value}" for name, value in environment.items() if value)
        items.append(f"<li>{escape(said)}</li>")
    return f"<ul>{''.join(items)}</ul>"
