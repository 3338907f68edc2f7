"""What can be seen of the site without building it, which `make docs` does."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("reference/*.md")])
GALLERY = sorted((DOCS / "gallery").glob("*.py"))
MADE = ("auto_gallery/", "generated/")
"""Folders of pages that the build makes."""


def in_toctrees():
    """Names of pages in the toctrees of pages, from the site's root."""
    names = set()
    for page in PAGES:
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.S):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            folder = page.parent.relative_to(DOCS)
            names |= {(folder / entry).as_posix() for entry in entries}
    return names


def test_every_page_is_in_a_toctree_and_every_entry_is_a_page():
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES}
    entries = {name for name in in_toctrees() if not name.startswith(MADE)}
    assert entries == pages - {"index"}


def test_pages_that_the_build_makes_have_a_place():
    assert {"auto_gallery/index", "generated/commands", "generated/recipes"} <= in_toctrees()
    assert {
        f"generated/{name}" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")
    } <= in_toctrees()
    assert "generated/benchmarks/results/*" in in_toctrees()


def test_every_public_package_is_in_the_reference():
    rooms = {
        path.parent.name
        for path in (ROOT / "telegrad").glob("*/__init__.py")
        if "__all__" in path.read_text()
    }
    assert {page.stem for page in DOCS.glob("reference/*.md")} == rooms | {"index"}
    for room in rooms:
        assert f".. automodule:: telegrad.{room}\n" in (DOCS / f"reference/{room}.md").read_text()


def test_all_public_names_of_telegrad_are_on_the_page_of_the_reference():
    import telegrad

    index = (DOCS / "reference/index.md").read_text()
    assert [name for name in telegrad.__all__ if f".{name}`" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_begins_with_words_not_with_numbers(page):
    """A title, and a question or an answer, before any table."""
    title, _, text = page.read_text().partition("\n")
    assert title.startswith("# ")
    assert not text.strip().startswith(("|", "<!--", "!["))


def test_there_are_examples_enough():
    assert len(GALLERY) >= 8


@pytest.mark.parametrize("script", GALLERY, ids=lambda p: p.stem)
def test_a_gallery_script_has_a_title_prose_and_a_picture(script):
    text = script.read_text()
    tree = ast.parse(text)
    title, line, *_ = (ast.get_docstring(tree) or "").splitlines()
    assert set(line) == {"="} and len(line) == len(title)
    assert script.stem.startswith("plot_")
    assert text.count("# %%\n") >= 2
    assert text.rstrip().endswith("plt.show()")
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in _imported(node)
    }  # fmt: skip
    assert modules <= {"matplotlib", "skimage", "telegrad", "torch"} | sys.stdlib_module_names


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def module(path, monkeypatch):
    """A script beside the documents, as its neighbours import it."""
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location(f"_site_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_charts_are_those_of_the_results(monkeypatch):
    charts = module(DOCS / "pictures" / "charts.py", monkeypatch)
    for name, (_, source) in charts.DRAWN.items():
        chart = (DOCS / "images" / name).read_text()
        assert charts.digest(source) in chart, "run python docs/pictures"


def test_pictures_are_shown_somewhere_and_drawn_by_the_script():
    shown = set()
    for page in [*PAGES, ROOT / "README.md"]:
        shown |= {
            Path(name).name for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())
        }
    pictures = {path.name for path in (DOCS / "images").iterdir()}
    assert pictures <= shown


def test_links_are_rewritten_for_the_site(monkeypatch):
    repository = module(DOCS / "_ext" / "repository.py", monkeypatch)
    there = "[a](../examples/own_loop.py) [b](levels.md) [c](../benchmarks/results/coupling.md#x)"
    assert repository.relinked(there, DOCS, DOCS) == (
        "[a](/generated/examples/own_loop.py.md) [b](/levels.md) "
        "[c](/generated/benchmarks/results/coupling.md#x)"
    )
    outside = "[a](https://arxiv.org/abs/2501.12739) ![b](images/levels.png) [c](gone.md)"
    assert repository.relinked(outside, DOCS, DOCS) == outside
    example = "[d](gallery/plot_01_levels.py)"
    assert repository.relinked(example, DOCS, DOCS) == "[d](/auto_gallery/plot_01_levels.rst)"


def test_a_table_of_results_becomes_csv(monkeypatch):
    tables = module(DOCS / "_ext" / "tables.py", monkeypatch)
    assert tables.csv_of("| a | b |\n|---|---|\n| 1,600 WU | 2 |") == 'a,b\n"1,600 WU",2\n'


def test_formulas_and_sections_of_docstrings_are_prepared(monkeypatch):
    docstrings = module(DOCS / "_ext" / "docstrings.py", monkeypatch)
    lines = ["It is", "", "    a = b", "", "Args:", "    x: a number.", "", "Source: Giles 2015."]
    assert docstrings.prepared(lines) == [
        "It is", "", "::", "", "    a = b", "", "Args:", "    x: a number.", "",
        "**Source:** Giles 2015.",
    ]  # fmt: skip
    assert docstrings.escaped("|x| of (n, c, *shape), *A book*, `a|b`, `Task`, ``c|d``") == (
        r"\|x\| of (n, c, \*shape), *A book*, ``a|b``, `Task`, ``c|d``"
    )
