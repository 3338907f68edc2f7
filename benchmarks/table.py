"""Tables of results: printed, and written beside the benchmarks with all that made them."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch

from telegrad.records import processor

RESULTS = Path(__file__).parent / "results"


def as_markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as text."""
    cells = [[str(c) for c in row] for row in (columns, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def provenance(seeds: Sequence[int]) -> str:
    """Hardware, versions, seeds and command of this process."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    script = f"benchmarks/{Path(sys.argv[0]).name}"
    arguments = [Path(a).name if Path(a).is_absolute() else a for a in sys.argv[1:]]
    return "\n".join(
        [
            f"- command: `{shlex.join(['python', script, *arguments])}`",
            f"- hardware: {processor()}, {os.cpu_count()} cores{gpu}",
            f"- versions: Python {sys.version.split()[0]}, PyTorch {torch.__version__}, "
            f"commit {commit or 'unknown'}",
            f"- seeds: {', '.join(map(str, seeds))}",
            f"- date: {date.today()}",
        ]
    )


def publish(name: str, title: str, body: str, seeds: Sequence[int]) -> None:
    """Prints the result and writes it to benchmarks/results/{name}.md."""
    text = f"# {title}\n\n{body}\n\n{provenance(seeds)}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)


def write_csv(name: str, rows: Sequence[dict[str, object]]) -> None:
    """Measured values, one row each, to benchmarks/results/{name}.csv; tables are made from it."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(name: str) -> list[dict[str, str]]:
    """The rows of benchmarks/results/{name}.csv."""
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))
