"""What each command says of itself, and the recipes that come along, as pages."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

from repository import MADE, ROOT, write

from telegrad.cli.main import COMMANDS, main
from telegrad.runs.recipes import Recipe, recipes


def said(*words: str) -> str:
    """What a command prints."""
    text = io.StringIO()
    with redirect_stdout(text):
        code = main(list(words))
    if code:
        raise RuntimeError(f"telegrad {' '.join(words)} ended with {code}")
    return text.getvalue().rstrip()


def commands_page() -> str:
    """All commands with their help."""
    parts = ["# Commands", "What `telegrad COMMAND --help` says.", f"```text\n{said()}\n```"]
    for name, meaning in COMMANDS.items():
        parts += [f"## telegrad {name}", f"{meaning[:1].upper()}{meaning[1:]}."]
        parts += [f"```text\n{said(name, '--help')}\n```"]
    return "\n\n".join(parts) + "\n"


def recipe_part(one: Recipe) -> str:
    """A recipe with its cost, its command and its file."""
    return (
        f"### {one.name}\n\n{one.meaning} It takes {one.cost}.\n\n"
        f"```sh\ntelegrad train --recipe {one.name} --data PHOTOS\n```\n\n"
        f":::{{dropdown}} The file\n```yaml\n{one.text.rstrip()}\n```\n:::"
    )


def recipes_page() -> str:
    """All recipes, ours for a CPU before the published ones."""
    ours = [one for one in recipes() if one.name.endswith("_cpu")]
    others = [one for one in recipes() if one not in ours]
    parts = ["# Every recipe", "How they are used and changed: [Recipes](/recipes.md)."]
    for title, some in (("Ours, for a CPU", ours), ("Published ones, and each by auto", others)):
        parts += [f"## {title}", *map(recipe_part, some)]
    return "\n\n".join(parts) + "\n"


def make_pages(app: Any) -> None:
    """Both pages, anew where the package is newer than they are."""
    files = [path for path in (ROOT / "telegrad").rglob("*") if path.suffix in (".py", ".yaml")]
    newest = max(path.stat().st_mtime for path in files)
    for name, page in (("commands.md", commands_page), ("recipes.md", recipes_page)):
        if not (MADE / name).exists() or (MADE / name).stat().st_mtime < newest:
            write(MADE / name, page())


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", make_pages)
    return {"parallel_read_safe": True}
