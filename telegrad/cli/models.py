"""`telegrad models`: the networks that come along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.options import option
from telegrad.pretrained.cards import card, names


@dataclass(frozen=True, kw_only=True)
class Models(Command):
    positional: ClassVar[tuple[str, ...]] = ("name",)
    usage: ClassVar[str] = "telegrad models [NAME]"
    description: ClassVar[str] = (
        "List the networks that come along, trained; or print the card of one: what it was trained "
        "on and how, its figures on standard sets, its license. Use one with: telegrad restore "
        "IMAGE --model NAME."
    )
    example: ClassVar[str] = "telegrad models denoise"

    name: str | None = option(None, "of a network whose card is to be printed")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad models", lambda: show(words))


def show(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Models.help())
        return 0
    own, _ = Models.parse(words)
    if own.name is not None:
        print(card(own.name))
        return 0
    for one in map(card, names()):
        print(f"{one.name:<10}{one.meaning}")
        for figure in one.figures:
            corruption = f", {figure.corruption}" if figure.corruption else ""
            print(
                f"{'':<12}{figure.set}{corruption}: {figure.before:.2f} → {figure.after:.2f} "
                f"({figure.measured})"
            )
    return 0
