"""Every table of results as CSV, beside it."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE = DOCS / "generated" / "tables"
sys.path.append(str(ROOT / "benchmarks"))

import figures  # noqa: E402  of benchmarks: which block of which file a document shows


def csv_of(table: str) -> str:
    """A Markdown table as CSV."""
    head, _, *body = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *body])
    return text.getvalue()


def written(file: Path, number: int, table: str) -> Path:
    """The CSV file of a table, the block of that number in `file`."""
    path = MADE / f"{file.stem}_{number}.csv"
    if not path.exists() or path.read_text(encoding="utf-8") != csv_of(table):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(csv_of(table), encoding="utf-8")
    return path


def download(path: Path, words: str, folder: Path) -> str:
    """A link to a file, on a page of `folder`."""
    return f"{{download}}`{words} <{Path(os.path.relpath(path, folder)).as_posix()}>`"


def with_tables_as_csv(text: str, file: Path, folder: Path) -> str:
    """A file of results, with a link below each of its tables, and to its raw data."""
    number = 0

    def table(match: Any) -> str:
        nonlocal number
        number += 1
        block = match[0].rstrip("\n")
        if not block.startswith("|"):
            return match[0]
        path = written(file, number, block)
        return f"{block}\n\n{download(path, 'This table as CSV', folder)}\n"

    text = figures.BLOCK.sub(table, text)
    raw = [path for path in sorted(file.parent.glob(f"{file.stem}*.csv")) if path.exists()]
    links = " · ".join(download(path, path.name, folder) for path in raw)
    return f"{text.rstrip()}\n\nData behind it: {links}\n" if raw else text


def beside_tables(app: Any, name: str, source: list[str]) -> None:
    """Below a table that a document takes from a file of results: its CSV, and how it was made."""

    def place(match: Any) -> str:
        if not match[4].startswith("|"):
            return match[0]
        file, number = ROOT / match[1], int(match[2])
        folder = (DOCS / name).parent
        path = written(file, number, figures.block(match[1], number))
        raw = file.with_suffix(".csv")
        links = [download(path, "This table as CSV", folder)]
        links += [download(raw, "data behind it", folder)] if raw.exists() else []
        links.append(f"[command, hardware, versions, seeds](/generated/{match[1]})")
        return f"{match[0]}\n{' · '.join(links)}\n"

    source[0] = figures.PLACE.sub(place, source[0])


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", beside_tables)
    return {"parallel_read_safe": True}
