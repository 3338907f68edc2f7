"""The rooms of the house: imports go down only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "multiscale"

FLOORS = [
    {"batches", "allocation", "coupling", "options"},
    {"grids", "gain"},
    {"estimator", "schedules", "gradients", "statistics"},
    {"diagnostics", "controller", "adaptation"},
    {"tasks", "networks", "data"},
    {"training", "pictures"},
    {"recipes"},
    {"runs", "trained", "probe", "comparison", "found", "charts", "tensorboard"},
    {"restore", "plan", "launch", "summary", "gallery"},
    {"report", "reproduce"},
    {"parsers"},
    {"cli"},
    {"scripts"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "multiscale"


def imports_of(file: Path) -> set[str]:
    """Modules of the package that the file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            module = node.module or ""
            found |= {
                f"{module}.{a.name}" if module == "multiscale" else module for a in node.names
            }
    return {name for name in found if name.split(".")[0] == "multiscale"}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down_only(file):
    if file.parent == PACKAGE and file.stem == "__init__":
        return
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert own in FLOOR, f"{own} has no floor: add it to FLOORS"
    for module in imports_of(file):
        room = room_of(module)
        if room == own or module == "telegrad.__version__":
            continue
        assert FLOOR[room] < FLOOR[own], f"{own} imports {module}, which is not below it"


def test_the_estimator_stands_alone():
    reached, open_rooms = set(), {"estimator"}
    while open_rooms:
        room = open_rooms.pop()
        reached.add(room)
        open_rooms |= {room_of(m) for m in imports_of(PACKAGE / f"{room}.py")} - reached
    assert reached == {"estimator", "allocation", "batches", "coupling", "grids"}


def test_there_is_no_drawer_for_everything():
    assert not {f.stem for f in FILES} & {"utils", "util", "helpers", "common", "misc"}
