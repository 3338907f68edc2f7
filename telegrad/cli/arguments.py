"""The words of a command line: positional ones, options by name, and what a command has of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

from jsonargparse import ArgumentParser

from telegrad.errors import did_you_mean
from telegrad.options import check_options, meanings
from telegrad.runs.compose import parsed

FLAGS = frozenset(
    "overwrite output.overwrite compile runtime.compile cuda_graphs runtime.cuda_graphs "
    "init.strict turns task.turns accept_changes tensorboard self_ensemble rounding "
    "equal_budgets beyond own_datasets open_browser".split()
)
"""Options that may stand without a value."""

OF_FLAGS = frozenset({"true", "false", "yes", "no", "null"})
"""Words after them that are their values all the same."""

SEVERAL = frozenset({"validation.sets", "sets"})
"""Options that may have several words, up to the next option."""


def scan(
    words: Sequence[str], flags: frozenset[str] = FLAGS, several: frozenset[str] = SEVERAL
) -> tuple[list[str], dict[str, str]]:
    """Positional words, and options by name: `--name value`, `--name=value`, or a bare flag.

    >>> scan(["denoising", "--steps", "40", "--size=64", "--overwrite"])
    (['denoising'], {'steps': '40', 'size': '64', 'overwrite': 'true'})
    >>> scan(["denoising", "--sets", "Set12", "Kodak24", "--size", "64"])
    (['denoising'], {'sets': '["Set12", "Kodak24"]', 'size': '64'})

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
            if name in flags and (alone or rest[0].lower() not in OF_FLAGS):
                options[name] = "true"
            elif alone:
                raise ValueError(f"--{name} needs a value.")
            else:
                options[name] = rest.pop(0)
                more = []
                while name in several and rest and not rest[0].startswith("-"):
                    more.append(rest.pop(0))
                if more:
                    options[name] = json.dumps([options[name], *more])
    return positional, options


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command's own options; positional ones are named in `positional`, in their order.

    Attributes:
        positional: names of options.
        more: the option, a list of texts, that all further positional words go to; none if empty.
        several: options that may have several words.
        parts: dataclasses whose options are also the command's; see `part`.
    """

    positional: ClassVar[tuple[str, ...]] = ()
    more: ClassVar[str] = ""
    several: ClassVar[frozenset[str]] = frozenset()
    parts: ClassVar[tuple[type, ...]] = ()
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
        positional, options = scan(words, several=cls.several)
        if cls.more and len(positional) > len(cls.positional):
            options[cls.more] = json.dumps(positional[len(cls.positional) :])
        elif len(positional) > len(cls.positional):
            raise ValueError(
                f"{positional[len(cls.positional)]!r} is one word too many; {cls.usage}"
            )
        options = dict(zip(cls.positional, positional, strict=False)) | options
        own = {field.name for field in fields(cls)}
        of_parts = {field.name for part in cls.parts for field in fields(part)}
        rest = {
            name: value
            for name, value in options.items()
            if name not in own
            and (others is None or name in of_parts or name.partition(".")[0] in others)
        }
        return cls(**cls.typed({n: v for n, v in options.items() if n not in rest})), rest

    @classmethod
    def part(cls, kind: type, rest: Mapping[str, str]) -> Any:
        """One of the command's parts, of those options that are not its own."""
        names = {field.name for field in fields(kind)}
        return kind(**_typed(kind, {n: v for n, v in rest.items() if n in names}))

    @classmethod
    def typed(cls, options: Mapping[str, str]) -> dict[str, Any]:
        """Values of the types of the options."""
        names = {field.name for field in fields(cls)}
        for name in options:
            if name not in names:
                known = [*names, *(field.name for part in cls.parts for field in fields(part))]
                guess = did_you_mean(name, known).replace("mean ", "mean --") or "; see --help."
                raise ValueError(f"no option --{name}{guess}")
        values = _typed(cls, options)
        for name in (*cls.positional, *(n for n in meanings(cls) if n not in cls.positional)):
            if name not in values and not _has_default(cls, name):
                dashes = "" if name in cls.positional else "--"
                raise ValueError(f"{dashes}{name} is missing; {cls.usage}")
        return values

    @classmethod
    def help(cls) -> str:
        """What `--help` says."""
        said = {n: m for kind in (cls, *cls.parts) for n, m in meanings(kind).items()}
        width = max(len(name) for name in said) + 2
        options = [
            f"  {name:<{width}}  {meaning}"
            for name, meaning in said.items()
            if name in (*cls.positional, cls.more)
        ]
        options += [
            f"  --{name:<{width - 2}}  {meaning}"
            for name, meaning in said.items()
            if name not in (*cls.positional, cls.more)
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


def _typed(kind: type, options: Mapping[str, str]) -> dict[str, Any]:
    """Values of the types of a dataclass's options."""
    parser = ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_class_arguments(kind, None, sub_configs=False)
    for action in parser._actions:
        action.required = False  # what is missing is said by the command
    return {name: parsed(parser, name, value, name) for name, value in options.items()}


def _has_default(cls: type, name: str) -> bool:
    field = next(field for field in fields(cls) if field.name == name)
    return field.default is not MISSING
