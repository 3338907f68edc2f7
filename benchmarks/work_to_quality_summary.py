"""What all results of work_to_quality.py say, in one table.

    python benchmarks/work_to_quality_summary.py

Its rows are those of `auto` and of the best `cascadic` with stages of its own.
"""

from __future__ import annotations

import re

from table import RESULTS, as_markdown, publish

AIMS = {64: "6, 4.5", 128: "16, 12", 256: "40, 30"}
"""How many times less work, and how many times fewer seconds, were aimed at, by size."""

PROBLEM = re.compile(
    r"(?P<task>\w+), (?P<size>\d+)×\d+ crops of \S+, (?P<network>\w+) of (?P<channels>\d+) channels"
    r"(?:, t ~ U\(0, (?P<t_max>\S+)\))?\. The best single-scale run of (?P<work>\S+) WU"
    r".*? in (?P<seconds>\d+) s"
)


def rows_of(text: str) -> dict[str, list[str]]:
    """Factors in work and in seconds, by strategy, of the first table."""
    first = text.partition("| strategy")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")] for row in first.splitlines()[2:]]
    return {name: [work, seconds] for _, name, _, work, seconds, _ in rows}


def least(factor: str) -> float:
    """What a factor is to be ordered by; one that was not reached, as nothing."""
    number = re.search(r"[\d.]+", factor)
    return 0.0 if number is None or factor.startswith("<") else float(number[0])


def main() -> None:
    rows = []
    for file in sorted(RESULTS.glob("work_to_quality_*.md")):
        text = file.read_text()
        problem = PROBLEM.search(text)
        if problem is None:
            raise SystemExit(f"{file}: no result of work_to_quality.py.")
        found, size = rows_of(text), int(problem["size"])
        fixed = {n: f for n, f in found.items() if n.startswith("cascadic") and "auto" not in n}
        best = max(fixed, key=lambda name: least(fixed[name][0]))
        noise = f", t_max {problem['t_max']}" if problem["t_max"] else ""
        rows.append(
            [
                f"{problem['task']} {size}×{size}{noise}",
                f"{problem['network']} {problem['channels']}",
                f"{problem['work']} WU, {problem['seconds']} s",
                *found["auto"],
                AIMS.get(size, "–"),
                *fixed[best],
            ]
        )
    columns = [
        *("problem", "network", "single takes", "auto: less work", "fewer seconds", "aimed at"),
        *("best cascadic: less work", "fewer seconds"),
    ]
    body = "Of each table named work_to_quality_…, the rows of `auto` and of the best `cascadic`."
    publish(
        "work_to_quality",
        "Time to quality, all problems",
        f"{body}\n\n{as_markdown(columns, rows)}",
        [0, 1, 2],
    )


if __name__ == "__main__":
    main()
