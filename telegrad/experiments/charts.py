"""Charts of a report: losses along their cost, and the work of each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from telegrad.experiments.plot import Axis, band, plot, polyline

SERIES = 8
"""Colors and dashes that the page has; see report.css."""


@dataclass(frozen=True)
class Curve:
    """Loss against cost, of the runs of one configuration: (costs, losses) of each."""

    name: str
    runs: Sequence[tuple[Sequence[float], Sequence[float]]]

    def drawable(self) -> list[Curve]:
        """The curve; or one of each run, where the runs have no cost in common."""
        if not self.runs:
            return []
        try:
            self.on_a_grid(2)
        except ValueError:
            if len(self.runs) == 1:
                return []
            apart = [Curve(f"{self.name}, run {k}", [run]) for k, run in enumerate(self.runs, 1)]
            return [curve for one in apart for curve in one.drawable()]
        return [self]

    def on_a_grid(self, points: int = 80) -> tuple[np.ndarray, np.ndarray]:
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
    lines = [curve.on_a_grid() for curve in curves]
    every = np.concatenate([losses.ravel() for _, losses in lines])
    costs = np.concatenate([grid for grid, _ in lines])
    x = Axis(float(costs.min()), float(costs.max()), logarithmic=True)
    y = Axis(float(every.min()), float(every.max()), logarithmic=bool(every.min() > 0))
    drawn = []
    for number, (grid, losses) in enumerate(lines):
        across = [x.place(cost) for cost in grid]
        middle, least, most = (
            [y.place(value) for value in of.tolist()]
            for of in (np.median(losses, 0), losses.min(0), losses.max(0))
        )
        if len(losses) > 1:
            upper, lower = (list(zip(across, edge, strict=True)) for edge in (most, least))
            drawn.append(band(upper, lower, number))
        drawn.append(polyline(list(zip(across, middle, strict=True)), number))
    ends = "; ".join(
        f"{curve.name} ends at {float(np.median(losses[:, -1])):.4g}"
        for curve, (_, losses) in zip(curves, lines, strict=True)
    )
    said = f"Lines of validation loss against {cost}. {ends}."
    return plot(x, y, (cost, "validation loss"), drawn, said) + _legend(curves)


def _legend(curves: Sequence[Curve]) -> str:
    items = "".join(
        f'<li><svg class="swatch" aria-hidden="true"><line class="line s{number}" x1="0" x2="100%" '
        f'y1="50%" y2="50%"/></svg>{escape(curve.name)}</li>'
        for number, curve in enumerate(curves)
    )
    return f'<ul class="legend">{items}</ul>'


def work_chart(work: Mapping[str, Mapping[int, float]]) -> str:
    """Work units by the finest level of the step, a bar for each configuration."""
    levels = sorted({level for of in work.values() for level in of})
    most = max(sum(of.values()) for of in work.values()) or 1.0
    bars = []
    for name, of in work.items():
        begin, parts = 0.0, []
        for level in levels:
            width = 100 * of.get(level, 0.0) / most
            parts.append(
                f'<rect x="{begin:.2f}%" width="{width:.2f}%" height="100%" '
                f'style="fill:{_shade(level, levels[-1])}"/>'
            )
            begin += width
        said = ", ".join(f"level {level} {of[level]:,.0f}" for level in levels if level in of)
        bars.append(
            f'<li>{escape(name)} <span class="quiet">{sum(of.values()):,.0f}</span>'
            f'<svg class="bar" role="img" aria-label="{escape(f"{name}: {said} work units")}">'
            f"{''.join(parts)}</svg></li>"
        )
    keys = "".join(
        f'<li><svg class="swatch" aria-hidden="true"><rect width="100%" height="100%" '
        f'style="fill:{_shade(level, levels[-1])}"/></svg>level {level}</li>'
        for level in levels
    )
    return f'<ul class="bars">{"".join(bars)}</ul><ul class="legend">{keys}</ul>'


def _shade(level: int, finest: int) -> str:
    """From light for the coarsest level to dark for the finest."""
    part = level / max(finest, 1)
    return f"hsl({190 + 40 * part:.0f} 62% {78 - 34 * part:.0f}%)"
