"""`telegrad recipes`: ready configurations, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.options import option
from telegrad.runs.recipes import recipe, recipes


@dataclass(frozen=True, kw_only=True)
class Recipes(Command):
    positional: ClassVar[tuple[str, ...]] = ("name",)
    usage: ClassVar[str] = "telegrad recipes [NAME]"
    description: ClassVar[str] = (
        "List the recipes that come along, with what each costs; or print one, to be changed and "
        "given to --config. Train one with: telegrad train --recipe NAME --data DIR."
    )
    example: ClassVar[str] = "telegrad recipes denoising_color_cpu"

    name: str | None = option(None, "of a recipe that is to be printed")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad recipes", lambda: show(words))


def show(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Recipes.help())
        return 0
    own, _ = Recipes.parse(words)
    if own.name is not None:
        print(recipe(own.name).text, end="")
        return 0
    for one in recipes():
        print(f"{one.name}\n    {one.meaning}\n    {one.cost}")
    return 0
