"""Docstrings as they are written here, for Sphinx, which reads reStructuredText.

Formulas are indented in the source; sections of one line begin with their name (`Source: …`); bars
and stars are those of mathematics and of Python (`|x|`, `*shape`).
"""

from __future__ import annotations

import re
from typing import Any

ONE_LINE = re.compile(r"^(Example|Examples|Source|Shape|Cost): (\S.*)$")
SECTION = re.compile(r"^[A-Z][a-z]+:$")
MARKS = re.compile(r"(?<!`)`([^`]+)`(?![`_])|(``[^`]+``)|(\||(?<=[ (])\*(?=\w+[,)]))")
"""`code`, ``code``, and a bar or a lone star outside of both."""

NAME = re.compile(r"[A-Za-z_][\w.]*")


def escaped(line: str) -> str:
    """A line of prose: code that is no name stays code, bars and lone stars stay what they are."""

    def mark(match: re.Match[str]) -> str:
        if match[1]:
            return match[0] if NAME.fullmatch(match[1]) else f"``{match[1]}``"
        return match[2] or f"\\{match[3]}"

    return line if line.lstrip().startswith((">>>", "...")) else MARKS.sub(mark, line)


def prepared(lines: list[str]) -> list[str]:
    """Indented paragraphs before the first section become blocks of code, as they read."""
    out: list[str] = []
    in_section = in_block = False
    for line in lines:
        in_section = in_section or bool(SECTION.match(line))
        one = ONE_LINE.match(line)
        if one:
            in_section, line = False, f"**{one[1]}:** {one[2]}"
        elif line and not line.startswith(" ") and not SECTION.match(line) and in_section:
            in_section = False
        formula = line.startswith("    ") and not in_section
        before = next((text for text in reversed(out) if text.strip()), "")
        if formula and not in_block and out and not out[-1].strip():
            if not before.startswith((">>>", "- ", "* ")):
                out += ["::", ""]
            in_block = True
        elif line.strip() and not formula:
            in_block = False
        out.append(line if formula else escaped(line))
    return out


def prepare(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = prepared(lines)


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", prepare, priority=100)  # before napoleon
    return {"parallel_read_safe": True}
