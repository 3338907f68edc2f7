"""Puts tables of results into the documents, where these name them.

    python benchmarks/figures.py

A document names a table by a comment, and the table follows until the next empty line:

    <!-- from benchmarks/results/coupling.md, block 2 -->
    <!-- from benchmarks/results/diagnosis.md, block 4, Advice -->

Blocks are the tables and code blocks of a file, counted from 1; with a word at the end only those
lines of the block that begin with it are taken.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = re.compile(r"<!-- from (\S+\.md), block (\d+)(?:, ([^\n]+?))? -->\n((?:.+\n)*)")
BLOCK = re.compile(r"^```(?s:.*?)^```$|(?:^\|.*\n?)+", re.M)


def documents() -> list[Path]:
    """All that may show a table of results."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def block(file: str, number: int, start: str | None = None) -> str:
    """The text of a block, or of those of its lines that begin with `start`, fenced."""
    blocks = [match[0].rstrip("\n") for match in BLOCK.finditer((ROOT / file).read_text())]
    if not 1 <= number <= len(blocks):
        raise SystemExit(f"figures: {file} has {len(blocks)} blocks, and none of number {number}.")
    text = blocks[number - 1]
    if start is None:
        return text
    lines = [line for line in text.splitlines() if line.startswith(start)]
    if not lines:
        raise SystemExit(f"figures: block {number} of {file} has no line beginning with {start!r}.")
    return "\n".join(["```", *lines, "```"])


def filled(text: str) -> str:
    """A document's text with its tables as the results have them now."""

    def place(match: re.Match[str]) -> str:
        comment = match[0].partition("\n")[0]
        return f"{comment}\n{block(match[1], int(match[2]), match[3])}\n"

    return PLACE.sub(place, text)


def main() -> None:
    for page in documents():
        before = page.read_text()
        if filled(before) != before:
            page.write_text(filled(before))
            print(f"{page.relative_to(ROOT)}: brought up to the results")


if __name__ == "__main__":
    main()
