"""Charts of a report, as SVG that takes the page's text color and needs nothing else."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK = "#010203"
"""Stands for the page's text color until the SVG is written."""

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8a63d2", "#7f7f7f")
"""Told apart by the color-blind, and readable on white and on black (after Okabe and Ito)."""

DASHES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 1)), (0, (8, 3)), (0, (3, 1)))


@dataclass(frozen=True)
class Curve:
    """Loss against cost, of the runs of one configuration: (costs, losses) of each."""

    name: str
    runs: Sequence[tuple[Sequence[float], Sequence[float]]]

    def on_a_grid(self, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
        """Costs (points,), and losses (runs, points) between the first and the last that all have.

        Raises:
            ValueError: if the runs have no cost in common.
        """
        low = max(min(costs) for costs, _ in self.runs)
        high = min(max(costs) for costs, _ in self.runs)
        if not 0 < low <= high:
            raise ValueError(f"curve {self.name}: runs from {low:g} on, and up to {high:g}.")
        grid = np.geomspace(low, high, points)
        return grid, np.stack([np.interp(grid, *run) for run in self.runs])


def loss_chart(curves: Sequence[Curve], cost: str) -> str:
    """Validation loss against cost, the median of each configuration and the range of its runs."""
    figure, axis = _figure()
    logarithmic = True
    for number, curve in enumerate(curves):
        color, dash = COLORS[number % len(COLORS)], DASHES[number % len(DASHES)]
        grid, losses = curve.on_a_grid()
        logarithmic = logarithmic and bool((losses > 0).all())
        axis.plot(
            grid,
            np.median(losses, 0),
            color=color,
            linestyle=dash,
            label=_plain(curve.name),
            lw=1.8,
        )
        if len(losses) > 1:
            axis.fill_between(grid, losses.min(0), losses.max(0), color=color, alpha=0.2, lw=0)
    axis.set_xscale("log")
    if logarithmic:
        axis.set_yscale("log")
    for of_axis in (axis.xaxis, axis.yaxis):
        if of_axis.get_scale() == "log":
            of_axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7), numticks=9))
            of_axis.set_minor_locator(NullLocator())
        of_axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel(cost)
    axis.set_ylabel("validation loss")
    axis.legend(frameon=False, fontsize=8, labelcolor=INK)
    return _as_svg(figure, salt=cost + "".join(curve.name for curve in curves))


def work_chart(work: Mapping[str, Mapping[int, float]]) -> str:
    """Work units by the finest level of the step, stacked, a bar for each configuration."""
    figure, axis = _figure(height=0.7 + 0.32 * len(work))
    levels = sorted({level for of in work.values() for level in of})
    left = np.zeros(len(work))
    for level in levels:
        widths = np.array([of.get(level, 0.0) for of in work.values()])
        shade = mpl.colormaps["viridis"](0.15 + 0.7 * level / max(levels[-1], 1))
        axis.barh([*map(_plain, work)], widths, left=left, color=shade, label=f"level {level}")
        left += widths
    axis.invert_yaxis()
    axis.set_xlabel("work units")
    axis.legend(
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        ncols=len(levels),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
    )
    return _as_svg(figure, salt="work" + "".join(work))


def _plain(name: str) -> str:
    """A name that is not taken for a formula."""
    return name.replace("$", r"\$")


def _figure(height: float = 3.4) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(6.4, height), layout="constrained")
    figure.patch.set_alpha(0)
    axis = figure.subplots()
    axis.patch.set_alpha(0)
    axis.tick_params(which="both", colors=INK, labelsize=8)
    for spine in axis.spines.values():
        spine.set_color(INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.label.set_color(INK)
    axis.yaxis.label.set_color(INK)
    return figure, axis


def _as_svg(figure: Figure, salt: str) -> str:
    """The <svg> element alone, as wide as its place, and the same every time."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    element = text[text.index("<svg") :].replace(INK, "currentColor")
    ids = f"c{zlib.crc32(salt.encode()):x}"  # two charts on a page share no id
    element = re.sub(r'(id="|url\(#|href="#)', rf"\1{ids}-", element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    size = re.compile(r'<svg([^>]*?) width="[^"]*"([^>]*?) height="[^"]*"|<svg([^>]*)')
    return size.sub(lambda m: "<svg" + "".join(g or "" for g in m.groups()), element, count=1)
