"""`telegrad --print_completion jsonschema`: a schema of a run's configuration, for editors."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from inspect import isclass, signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from telegrad.options import meanings
from telegrad.runs.component import KINDS
from telegrad.runs.settings import SETTINGS


def main(words: Sequence[str]) -> int:
    asked = " ".join(words).replace("=", " ").split()[1:]
    if asked != ["jsonschema"]:
        print("telegrad --print_completion: needs jsonschema.", file=sys.stderr)
        return 2
    print(json.dumps(schema(), indent=2))
    return 0


def schema() -> dict[str, Any]:
    """JSON schema of the files that `--config` takes; classes of the user's own are allowed."""
    parts: dict[str, Any] = {"telegrad": {"type": "string"}, "seed": {"type": "integer"}}
    for name, kind in KINDS.items():
        known = kind.names()
        own = [_of_class(f"{kind.room}.{short}", what) for short, what in known.items()]
        anybody = {"type": "object", "properties": {"class_path": {"type": "string"}}}
        parts[name] = {"anyOf": [{"enum": list(known)}, *own, anybody, {"type": "string"}]}
    for name, settings in SETTINGS.items():
        parts[name] = _of_arguments(settings)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A training run of telegrad",
        "type": "object",
        "properties": parts,
        "additionalProperties": False,
    }


def _of_class(path: str, what: type) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"class_path": {"const": path}, "init_args": _of_arguments(what)},
        "required": ["class_path"],
    }


def _of_arguments(what: type) -> dict[str, Any]:
    said = meanings(what)
    if is_dataclass(what):
        hints = get_type_hints(what)
        of_fields = {f.name: (hints[f.name], f.default) for f in fields(what) if f.init}
    else:
        try:
            hints = get_type_hints(vars(what).get("__init__", what))
        except Exception:  # annotations of others may name what is not there
            hints = {}
        of_fields = {
            name: (hints.get(name, Any), MISSING if p.default is p.empty else p.default)
            for name, p in signature(what).parameters.items()
            if name != "params"
        }
    properties = {}
    for name, (kind, default) in of_fields.items():
        properties[name] = _of_type(kind)
        if name in said:
            properties[name]["description"] = said[name]
        if isinstance(default, (bool, int, float, str)):
            properties[name]["default"] = default
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _of_type(kind: Any) -> dict[str, Any]:
    """The schema of a type, as far as it says anything."""
    plain = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
    if isclass(kind) and kind in plain:
        return {"type": plain[kind]}
    origin, of = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(of)}
    if origin in (Union, UnionType):
        return {"anyOf": [_of_type(k) for k in of]}
    if isclass(origin) and issubclass(origin, (list, tuple, Sequence)):
        return {"type": "array"}
    return {}
