"""What was measured: a row for each image, a table of means for each set."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from telegrad.atomic import write_whole
from telegrad.evaluation.metrics import METRICS

KINDS = ("corrupted", "restored")


@dataclass(frozen=True)
class Row:
    """One image.

    Attributes:
        set: its name.
        image: its path within the set.
        strength: of the corruption, such as "sigma 25"; nothing if it has none.
        height, width: in pixels.
        corrupted, restored: each metric by name, before the border is left out of size; the
            restored ones are none where no network was given.
    """

    set: str
    image: str
    strength: str
    height: int
    width: int
    corrupted: dict[str, float]
    restored: dict[str, float]

    def cells(self) -> Iterator[tuple[str, object]]:
        """Columns of a table, by name."""
        yield from (("set", self.set), ("image", self.image), ("corruption", self.strength))
        yield from (("height", self.height), ("width", self.width))
        for kind in KINDS:
            for name, value in getattr(self, kind).items():
                yield f"{kind}_{name}", f"{value:.6g}"


@dataclass(frozen=True)
class Mean:
    """The mean over the images of a set at one strength of the corruption."""

    set: str
    strength: str
    images: int
    corrupted: dict[str, float]
    restored: dict[str, float]

    def columns(self) -> dict[str, object]:
        """Columns of a table, by name."""
        row = {"set": self.set, "corruption": self.strength, "images": self.images}
        of_kind = ((kind, getattr(self, kind)) for kind in KINDS)
        return row | {f"{kind}_{n}": value for kind, of in of_kind for n, value in of.items()}


def means(rows: Sequence[Row]) -> list[Mean]:
    """Of each set at each strength, in the order of the rows."""
    found = []
    for (name, strength), group in groupby(rows, key=lambda row: (row.set, row.strength)):
        of_set = list(group)
        both = (
            {
                metric: statistics.fmean(getattr(row, kind)[metric] for row in of_set)
                for metric in getattr(of_set[0], kind)
            }
            for kind in KINDS
        )
        found.append(Mean(name, strength, len(of_set), *both))
    return found


def means_table(found: Sequence[Mean]) -> str:
    """A table in Markdown, a line for each set at each strength."""
    columns = ["set", "corruption", "images"]
    for kind in KINDS:
        columns += [_title(name, kind) for name in getattr(found[0], kind)]
    cells = [columns]
    for mean in found:
        numbers = [_number(n, v) for kind in KINDS for n, v in getattr(mean, kind).items()]
        cells.append([mean.set, mean.strength, str(mean.images), *numbers])
    if not any(mean.strength for mean in found):
        cells = [[row[0], *row[2:]] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """A CSV file with a row an image.

    Raises:
        OSError: if it can't be written; what was there before is unchanged.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _ in rows[0].cells()])
    writer.writerows([value for _, value in row.cells()] for row in rows)
    write_whole(path, text.getvalue())


def _title(metric: str, kind: str) -> str:
    unit = METRICS[metric].unit
    return f"{kind} {metric.upper().replace('_', '-')}{', ' * bool(unit)}{unit}"


def _number(metric: str, value: float) -> str:
    return f"{value:.2f}" if METRICS[metric].unit == "dB" else f"{value:.4f}"
