"""The command line: `telegrad train`, `plan`, `compare`, `evaluate`, `restore`, …

Nothing heavy is imported before the command is known, so that help and version answer at once.
"""

from __future__ import annotations

import sys
from importlib import import_module

from telegrad import __version__
from telegrad.cli.guard import guarded
from telegrad.errors import did_you_mean

COMMANDS = {
    "train": "train a network for one task",
    "plan": "what a run will cost, before it is made",
    "recipes": "ready configurations",
    "compare": "compare strategies at one budget",
    "report": "a page of what runs came to",
    "reproduce": "the paper's experiments",
    "evaluate": "measure a trained network",
    "restore": "restore images of any size, by a network that comes along or your own",
    "models": "the networks that come along",
    "demo": "a page that restores an uploaded picture",
    "export": "write a trained network for other programs",
    "diagnose": "measure whether levels pay",
    "prepare": "make a dataset's files",
}

EXTRA = "pip install 'telegrad[train]'"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 for a run that failed, 2 for wrong input."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    return guarded("telegrad", lambda: _main(words))


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] in ("-V", "--version", "version"):
        print(f"telegrad {__version__}")
        return 0
    name, *rest = words
    if name.partition("=")[0] == "--print_completion":
        name, rest = "schema", words
    elif name not in COMMANDS:
        guess = did_you_mean(name, COMMANDS) or f"; commands are {', '.join(COMMANDS)}."
        print(f"telegrad: no command {name!r}{guess}", file=sys.stderr)
        return 2
    try:
        command = import_module(f"telegrad.cli.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("telegrad"):
            raise
        print(
            f"telegrad {name}: needs a package that is not installed ({error.name}); {EXTRA}",
            file=sys.stderr,
        )
        return 2
    code: int = command.main(rest)
    return code


def overview() -> str:
    """What there is."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            "usage: telegrad COMMAND …",
            "",
            "Train image-restoration networks several times cheaper at the same quality.",
            "",
            *(f"  {name:<{width}}  {meaning}" for name, meaning in COMMANDS.items()),
            "",
            "telegrad COMMAND --help says more; --version tells the version; --print_completion",
            "jsonschema prints a schema of a run's configuration, for editors.",
            "",
            "examples: telegrad restore photo.jpg",
            "          telegrad train denoising",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
