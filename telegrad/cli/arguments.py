"""The words of a command line: positional ones, options by name, and what a command has of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

from jsonargparse import ArgumentParser

from telegrad.errors import did_you_mean
from telegrad.options import check_options, meanings
from telegrad.runs.compose import parsed

FLAGS = frozenset(
    "overwrite output.overwrite compile runtime.compile tensorboard accept_changes".split()
)
"""Options that may stand without a value."""


def scan(words: Sequence[str], flags: frozenset[str] = FLAGS) -> tuple[list[str], dict[str, str]]:
    """Positional words, and options by name: `--name value`, `--name=value`, or a bare flag.

    >>> scan(["denoising", "--steps", "40", "--size=64", "--overwrite"])
    (['denoising'], {'steps': '40', 'size': '64', 'overwrite': 'true'})

    Raises:
        ValueError: for an option without a value.
    """
    positional: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            options["help"] = "true"
        elif not word.startswith("--"):
            positional.append(word)
        elif "=" in word:
            name, _, value = word[2:].partition("=")
            options[name] = value
        else:
            name = word[2:]
            alone = not rest or rest[0].startswith("--")
            if name in flags and (alone or rest[0] not in ("true", "false")):
                options[name] = "true"
            elif alone and name != "resume":
                raise ValueError(f"--{name} needs a value.")
            else:
                options[name] = "" if alone else rest.pop(0)
    return positional, options


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command's own options; positional ones are named in `positional`, in their order."""

    positional: ClassVar[tuple[str, ...]] = ()
    usage: ClassVar[str]
    description: ClassVar[str]
    example: ClassVar[str]

    def __post_init__(self) -> None:
        check_options(self)

    @classmethod
    def parse(
        cls, words: Sequence[str], others: Sequence[str] | None = ()
    ) -> tuple[Any, dict[str, str]]:
        """The command's options, and those that are not its own.

        Args:
            words: of the command line.
            others: parts, such as `network`, whose options are allowed besides; None for any.

        Raises:
            ValueError: for a name or a value that can't be.
        """
        positional, options = scan(words)
        if len(positional) > len(cls.positional):
            raise ValueError(
                f"{positional[len(cls.positional)]!r} is one word too many; {cls.usage}"
            )
        options = dict(zip(cls.positional, positional, strict=False)) | options
        own = {field.name for field in fields(cls)}
        rest = {
            name: value
            for name, value in options.items()
            if name not in own and (others is None or name.partition(".")[0] in others)
        }
        return cls(**cls.typed({n: v for n, v in options.items() if n not in rest})), rest

    @classmethod
    def typed(cls, options: Mapping[str, str]) -> dict[str, Any]:
        """Values of the types of the options."""
        parser = ArgumentParser(exit_on_error=False, add_help=False)
        parser.add_class_arguments(cls, None, sub_configs=False)
        for action in parser._actions:
            action.required = False  # what is missing is said below
        names = {field.name for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in options.items():
            if name not in names:
                guess = did_you_mean(name, names).replace("mean ", "mean --") or "; see --help."
                raise ValueError(f"no option --{name}{guess}")
            values[name] = parsed(parser, name, value, name)
        for name in (*cls.positional, *(n for n in meanings(cls) if n not in cls.positional)):
            if name not in values and not _has_default(cls, name):
                dashes = "" if name in cls.positional else "--"
                raise ValueError(f"{dashes}{name} is missing; {cls.usage}")
        return values

    @classmethod
    def help(cls) -> str:
        """What `--help` says."""
        said = meanings(cls)
        width = max(len(name) for name in said) + 2
        options = [
            f"  {name:<{width}}  {meaning}"
            for name, meaning in said.items()
            if name in cls.positional
        ]
        options += [
            f"  --{name:<{width - 2}}  {meaning}"
            for name, meaning in said.items()
            if name not in cls.positional
        ]
        return "\n".join(
            [
                f"usage: {cls.usage}",
                "",
                cls.description,
                "",
                *options,
                "",
                f"example: {cls.example}",
            ]
        )


def _has_default(cls: type, name: str) -> bool:
    field = next(field for field in fields(cls) if field.name == name)
    return field.default is not MISSING
