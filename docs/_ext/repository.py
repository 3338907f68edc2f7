"""Files of the repository that documents link to, as pages of the site.

Documents link to files beside them as they lie in the repository: `../examples/own_loop.py`,
`../benchmarks/results/coupling.md`. On the site each such file is a page below `generated`,
Markdown as it is, other text as a listing, and links lead there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from tables import with_tables_as_csv

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE = DOCS / "generated"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
ALWAYS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff")
LISTINGS = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".cff": "yaml", ".toml": "toml"}
PAGES = {"README.md": "/index.md", "benchmarks/results": "/results.md"}
"""What stands on the site for a file or folder that has a page of its own there."""


def page_of(path: Path) -> str | None:
    """The page that shows a file, from the site's root; None for what is no text."""
    name = path.relative_to(ROOT).as_posix()
    if name in PAGES:
        return PAGES[name]
    if path.parent == DOCS / "gallery":
        return f"/auto_gallery/{path.stem}.rst"
    if path.is_relative_to(DOCS):
        return f"/{path.relative_to(DOCS).as_posix()}" if path.suffix == ".md" else None
    if path.suffix == ".md":
        return f"/generated/{name}"
    return f"/generated/{name}.md" if path.suffix in LISTINGS else None


def linked(text: str, folder: Path) -> list[Path]:
    """The files that a document in `folder` links to."""
    targets = (match[2] for match in LINK.finditer(text))
    paths = (Path(os.path.normpath(folder / target)) for target in targets if "://" not in target)
    return [path for path in paths if path.is_relative_to(ROOT) and path.exists()]


def relinked(text: str, folder: Path, shown_in: Path) -> str:
    """The text of a document of `folder`, with links that hold on a page of `shown_in`."""

    def link(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(folder / match[2]))
        if "://" in match[2] or not path.is_relative_to(ROOT) or not path.exists():
            return match[0]
        to = page_of(path) or Path(os.path.relpath(path, shown_in)).as_posix()
        return f"{match[1]}{to}{match[3]}"

    return LINK.sub(link, text)


def write(path: Path, text: str) -> None:
    """Writes what has changed only, so that the next build reads that only."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def shown(path: Path) -> str:
    """The page of a file."""
    name, page = path.relative_to(ROOT).as_posix(), MADE / path.relative_to(ROOT)
    if path.suffix != ".md":
        source = Path(os.path.relpath(path, page.parent)).as_posix()
        listing = f"```{{literalinclude}} {source}\n:language: {LISTINGS[path.suffix]}\n```\n"
        return f"---\norphan: true\n---\n\n# {name}\n\n{listing}"
    text = path.read_text(encoding="utf-8")
    if path.parent == ROOT / "benchmarks" / "results":
        text = with_tables_as_csv(text, path, page.parent)
    return relinked(text, path.parent, page.parent)


def make_pages(app: Any) -> None:
    """A page for every file that a document, or such a page, links to."""
    documents = [*DOCS.glob("*.md"), *(DOCS / "reference").glob("*.md")]
    waiting = [ROOT / name for name in ALWAYS]
    waiting += sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    for document in documents:
        waiting += linked(document.read_text(encoding="utf-8"), document.parent)
    done = set()
    while waiting:
        path = waiting.pop()
        page = None if path in done else page_of(path)
        done.add(path)
        if page is None or not page.startswith("/generated/"):
            continue
        write(DOCS / page[1:], shown(path))
        if path.suffix == ".md":
            waiting += linked(path.read_text(encoding="utf-8"), path.parent)


def relink(app: Any, name: str, source: list[str]) -> None:
    """Links of a document, when it is read."""
    path = DOCS / f"{name}.md"
    if path.exists() and not path.is_relative_to(MADE):
        source[0] = relinked(source[0], path.parent, path.parent)


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", make_pages)
    app.connect("source-read", relink)
    return {"parallel_read_safe": True}
