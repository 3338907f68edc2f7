"""An empty plot as SVG: axes, ticks and lines that keep their widths and letters at any size.

Places are percentages and letters are the page's, so that one drawing is legible on a telephone and
fills a wide screen; colors are the page's variables, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

SIDE = 1000
"""Units of the drawing along each axis, stretched to the plot's width and height."""

MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))

MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """From values to places in [0, 1], linear or logarithmic.

    >>> Axis(1, 100, logarithmic=True).place(10), Axis(0, 10).place(2.5)
    (0.5, 0.25)
    """

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        if self.high == self.low:
            return 0.5
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round values in the range, three to six of them where that can be.

        >>> Axis(20, 700, logarithmic=True).ticks
        [20.0, 50.0, 100.0, 200.0, 500.0]
        >>> Axis(0.031, 0.036, logarithmic=True).ticks
        [0.031, 0.032, 0.033, 0.034, 0.035, 0.036]
        """
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for mantissas in reversed(MANTISSAS):
                values = [float(f"{m}e{decade}") for decade in decades for m in mantissas]
                inside = [v for v in values if self.low <= v <= self.high]
                if 3 <= len(inside) <= MOST_TICKS:
                    return inside
        return self._evenly_spaced()

    def _evenly_spaced(self) -> list[float]:
        width = self.high - self.low
        if not width:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(width))
        steps = [power * m for m in (0.1, 0.2, 0.5, 1, 2, 5)]
        step = next(s for s in steps if width / s < MOST_TICKS + 1e-9)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{k * step:.10g}") for k in range(first, last + 1)][:MOST_TICKS]


def polyline(points: Sequence[tuple[float, float]], number: int) -> str:
    """A line through places in [0, 1]², the origin at the lower left, in a series' color."""
    return f'<path class="line s{number}" d="M{_joined(points)}"/>'


def band(
    upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], number: int
) -> str:
    """What lies between two lines, in a series' color."""
    return f'<path class="band s{number}" d="M{_joined([*upper, *reversed(lower)])}Z"/>'


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x * SIDE:.1f} {(1 - y) * SIDE:.1f}" for x, y in points)


def plot(x: Axis, y: Axis, names: tuple[str, str], drawn: Sequence[str], said: str) -> str:
    """The axes with what is drawn in them.

    Args:
        x, y: to the right and upwards.
        names: of the axes.
        drawn: see `polyline` and `band`.
        said: all that it shows, for those who can't see it.
    """
    across = "".join(
        f'<line class="grid" x1="{at}" x2="{at}" y1="0" y2="100%"/>'
        f'<text x="{at}" y="100%" dy="1.4em" text-anchor="middle">{value:,g}</text>'
        for value in x.ticks
        for at in [f"{100 * x.place(value):.2f}%"]
    )
    upwards = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>'
        f'<text x="0" y="{at}" dx="-.5em" dy=".35em" text-anchor="end">{value:,g}</text>'
        for value in y.ticks
        for at in [f"{100 * (1 - y.place(value)):.2f}%"]
    )
    return (
        f'<div class="plot" role="img" aria-label="{escape(said)}">'
        f'<svg class="axes" width="100%" height="100%" aria-hidden="true">{across}{upwards}'
        f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" width="100%" height="100%">'
        f"{''.join(drawn)}</svg>"
        f'<text class="name" x="0" y="0" dy="-.9em">{escape(names[1])}</text>'
        f'<text class="name" x="50%" y="100%" dy="3em" text-anchor="middle">{escape(names[0])}'
        f"</text></svg></div>"
    )
