"""YAML and JSON of bounded size, depth and expansion; and YAML that is read back as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from telegrad.errors import reason

LARGEST_YAML = 2**20
"""Bytes of a file of options; a long one has a few thousand."""

LARGEST_JSON = 2**28
"""Bytes of a file of records."""

MOST_NODES = 10**5
"""Values in a YAML file, each counted as often as aliases repeat it."""

FLOAT = (
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"),
    "-+.0123456789",
)
"""Numbers such as 1e-3 and 1.5e3, as YAML 1.2 has them; for PyYAML, of 1.1, they would be texts."""


def read_yaml(file: str | Path) -> Any:
    """What a YAML file holds, as plain data. Aliases count for what they stand for.

    Raises:
        OSError: if it can't be read.
        ValueError: if it is not YAML, too large, too deep, or names something twice.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Of YAML 1.1, with the numbers of 1.2."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names = [key.value for key, _ in node.value if isinstance(key.value, str)]
            twice = {name for name in names if names.count(name) > 1 and name != "<<"}
            if twice:
                raise ValueError(f"{sorted(twice)[0]} stands there twice")
            return super().construct_mapping(node, deep)

    Loader.add_implicit_resolver(*FLOAT)
    try:
        loader = Loader(_text_of(Path(file), LARGEST_YAML))
        node = loader.get_single_node()
        if node is None:
            return None
        if _values_in(node, {}) > MOST_NODES:
            raise ValueError(f"it stands for more than {MOST_NODES:,} values, by its aliases")
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: not a YAML file that can be used ({reason(error)})") from error


def as_yaml(content: Any) -> str:
    """Plain data as YAML from which `read_yaml` makes the same."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Puts quotes around texts that are numbers of YAML 1.2."""

    Dumper.add_implicit_resolver(*FLOAT)
    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False))


def read_json(file: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: if it can't be read.
        ValueError: if it is not JSON, too large or too deep.
    """
    try:
        return json.loads(_text_of(Path(file), LARGEST_JSON))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not a JSON file that can be used ({reason(error)})") from error


def _text_of(file: Path, most: int) -> str:
    """The file's text; no more than `most` bytes are read, whatever kind of file it is."""
    with file.open("rb") as content:
        read = content.read(most + 1)
    if len(read) > most:
        raise ValueError(f"{file}: more than {most:,} bytes")
    return read.decode()


def _values_in(node: Any, known: dict[int, int | None]) -> int:
    """Values that a node of YAML stands for, aliases expanded; each node is looked at once."""
    if id(node) in known:
        number = known[id(node)]
        if number is None:
            raise ValueError("a value contains itself")
        return number
    known[id(node)] = None
    number = 1
    if isinstance(node.value, list):
        for part in node.value:
            for one in part if isinstance(part, tuple) else (part,):
                number += _values_in(one, known)
    known[id(node)] = number
    return number
