"""Ready configurations of runs, one a problem and network, as YAML files of the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telegrad.errors import did_you_mean
from telegrad.files import read_yaml
from telegrad.runs.build import build_schedule
from telegrad.runs.compose import compose
from telegrad.runs.config import Config, parts_from_file

FOLDER = Path(__file__).parent.parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """A file of options; its first line, a comment, says what it is."""

    file: Path

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return self.file.stem

    @property
    def text(self) -> str:
        """The whole file."""
        return self.file.read_text(encoding="utf-8")

    @property
    def meaning(self) -> str:
        """What it trains, and whose settings these are."""
        return self.text.partition("\n")[0].lstrip("# ")

    def parts(self) -> dict[str, Any]:
        """Parts of a run, for `compose`; the images to train on are the user's."""
        return parts_from_file(read_yaml(self.file))

    def config(self, **options: Any) -> Config:
        """Its run, on the built-in photographs where no other images are named."""
        parts = self.parts()
        size = parts["data"].init_args.get("size")
        return compose({"data": "Photographs", "size": size, **options}, parts)

    @property
    def cost(self) -> str:
        """What it takes: its budget; or images of full size, and their size."""
        config = self.config()
        budget: str | None = config.build_strategy().budget
        if budget is not None:
            return budget
        schedule, size = build_schedule(config), config.build_data().crop
        return f"{schedule.work_units:,.0f} images of {size}×{size}, {schedule.steps:,} steps"


def recipes() -> list[Recipe]:
    """All of them."""
    return [Recipe(file) for file in sorted(FOLDER.glob("*.yaml"))]


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: if there is none.
    """
    known = {one.name: one for one in recipes()}
    if name in known:
        return known[name]
    guess = did_you_mean(name, known) or "; `telegrad recipes` lists them."
    raise ValueError(f"--recipe {name}: no such recipe{guess}")
