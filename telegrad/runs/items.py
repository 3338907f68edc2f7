"""Options of what a part holds: `--physics.mask 0.5` is an item of the task's `arguments`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def with_items(
    options: Mapping[str, Any], chosen: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """The options with such items gathered, each in the option that was declared for them.

    Args:
        options: by name.
        chosen: the class of each part, some of whose options were declared with `items_of`.
        base: parts whose own items stay, unless they are given anew.
    """
    gathered = dict(options)
    for part, kind in chosen.items():
        for field in fields(kind) if is_dataclass(kind) else ():
            prefix = field.metadata.get("items_of")
            if not prefix:
                continue
            items = {
                name.removeprefix(f"{part}.").removeprefix(f"{prefix}."): name
                for name in options
                if name.removeprefix(f"{part}.").startswith(f"{prefix}.")
            }
            if not items:
                continue
            same = not {part, prefix, f"{part}.{prefix}"} & options.keys() and part in base
            before = (base[part].init_args.get(field.name) if same else None) or {}
            given = {item: _value(gathered.pop(name)) for item, name in items.items()}
            gathered[f"{part}.{field.name}"] = {**before, **given}
    return gathered


def _value(text: Any) -> Any:
    """Numbers, lists and the like as such, a list without brackets too; all else is text.

    >>> _value("0.5"), _value("3,3"), _value(".5"), _value("gaussian")
    (0.5, [3, 3], 0.5, 'gaussian')
    """
    if not isinstance(text, str):
        return text
    for read in (json.loads, float, lambda words: json.loads(f"[{words}]")):
        try:
            return read(text)
        except ValueError:
            continue
    return text
