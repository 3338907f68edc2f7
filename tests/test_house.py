"""The rooms of the house: imports go down only, and nothing is a drawer for everything."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import telegrad

PACKAGE = Path(telegrad.__file__).parent

FLOORS = [
    {"atomic", "errors"},
    {"files", "dotted", "bars"},
    {"options"},
    {"mge"},
    {"diagnostics"},
    {"schedules"},
    {"loading"},
    {"losses", "networks", "data", "optimizers"},
    {"tasks"},
    {"evaluation"},
    {"records"},
    {"training"},
    {"runs"},
    {"inference"},
    {"pretrained"},
    {"experiments"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
HEART = {"mge", "diagnostics", "schedules", "loading"}

FILES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [file for file in FILES if file != PACKAGE / "__init__.py"]


def imports_of(file):
    """Modules that the file imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            module = node.module or ""
            names |= {f"{module}.{a.name}" if module == "telegrad" else module for a in node.names}
    return names


def room_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down_only(file):
    own = room_of(file)
    assert own in FLOOR, f"{own} has no floor: add it to FLOORS"
    for module in imports_of(file):
        if not module.startswith("telegrad.") or module == "telegrad.__version__":
            continue
        room = module.split(".")[1]
        assert room == own or FLOOR[room] < FLOOR[own], f"{own} imports {module}, not below it"


def test_the_heart_needs_torch_and_what_comes_with_python():
    import sys

    allowed = {*sys.stdlib_module_names, "torch", "telegrad"}
    for file in SOURCES:
        if room_of(file) in HEART | {"options", "atomic", "errors", "optimizers"}:
            foreign = {module.split(".")[0] for module in imports_of(file)} - allowed
            assert not foreign, f"{file.relative_to(PACKAGE)} imports {foreign}"


def test_rooms_and_tests_are_laid_out_alike():
    rooms = {
        file.name for file in PACKAGE.iterdir() if file.is_dir() and (file / "__init__.py").exists()
    }
    tested = {file.name for file in Path(__file__).parent.iterdir() if file.is_dir()}
    assert rooms <= tested


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_holds_one_concept_in_less_than_400_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < 400
    assert file.stem not in {"utils", "util", "helpers", "common", "misc"}


def classes():
    for module in pkgutil.walk_packages([str(PACKAGE)], "telegrad."):
        if module.name == "telegrad.__main__":
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ == module.name:
                yield kind


def test_no_class_has_many_fields():
    for kind in classes():
        own = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
        rows_of_a_table = kind.__name__ == "RunSummary"
        assert len(own) <= 15 or rows_of_a_table, f"{kind.__qualname__} has {len(own)} fields"


def test_outside_its_file_nobody_knows_the_strategy_auto():
    allowed = {"schedules/auto.py", "schedules/__init__.py", "runs/version_0_1.py"}
    for file in SOURCES:
        name = file.relative_to(PACKAGE).as_posix()
        if name in allowed:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        known = [
            node
            for node in ast.walk(tree)
            if (isinstance(node, ast.Name) and node.id == "Auto")
            or (isinstance(node, ast.alias) and node.name.split(".")[-1] in ("Auto", "auto"))
        ]
        assert not known, f"{name} knows Auto"
