"""A run composed of options by name, as they stand on a command line or in a file."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from telegrad.dotted import plain_name
from telegrad.errors import did_you_mean
from telegrad.files import expanded
from telegrad.options import in_words, meanings
from telegrad.runs.component import KINDS, Component, resolve
from telegrad.runs.config import Config, default_optimizer
from telegrad.runs.items import with_items
from telegrad.runs.settings import SETTINGS
from telegrad.runs.version_0_1 import RENAMED

EVERYDAY = {
    "budget": "strategy.budget",
    "steps": "strategy.steps",
    "work_units": "strategy.work_units",
    "batch_sizes": "strategy.batch_sizes",
    "size": "data.size",
    "device": "runtime.device",
    "out": "output.directory",
    "learning_rate": "optimizer.lr",
    "init": "init.path",
}
"""Short names of options."""

LENGTHS = ("strategy.steps", "strategy.work_units", "strategy.budget")
"""Of which a run has one at most."""

DIRECT = ("task", "strategy", "data", *(part for part in SETTINGS if part != "init"))
"""Parts whose options may stand without the part's name, where no other part has the same."""

DEFAULT_TASK = "Denoising"

OF_STEPS = "Single"
"""The strategy of a run whose length is given in optimizer steps, where none is named: ordinary
training, which others are compared with at equal work or time rather than at equal steps."""


def compose(options: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> Config:
    """The run of these options.

    >>> config = compose({"task": "paper_denoising", "network": "ResNet", "network.channels": 8,
    ...                   "steps": "40", "t_max": 0.5})
    >>> config.build_strategy().steps, config.build_task().t_max
    (40, 0.5)

    Args:
        options: by name, such as `network`, `network.channels`, `steps`; values as they are, or as
            text; for a component also a class, a function that makes it, or the object itself.
        base: parts of a run, see `parts_from_file`, that options are laid over. Another class than
            the base's begins with its own defaults; another strategy has the same length.

    Raises:
        ValueError: for a name or a value that can't be; the message names the nearest right one.
    """
    base = dict(base or {})
    options = _expanded_data(options)
    chosen = selected(options, base)
    options = with_items(options, chosen, base)
    parser = parser_for(chosen)
    values = _typed(parser, options, chosen)
    parts: dict[str, Any] = {}
    for kind, what in chosen.items():
        own = {name: value for (part, name), value in values.items() if part == kind}
        if _is_whole(kind, options.get(kind)):
            parts[kind] = Component.of(kind, options[kind])
        elif what is None:
            continue
        elif base.get(kind) is None or (kind in options and base[kind].factory is not what):
            if kind == "strategy":
                own = _with_length(what, own, options, base)
            parts[kind] = Component.of(kind, what, **own)
        else:
            kept = dict(base[kind].init_args)
            if any(f"{kind}.{name}" in LENGTHS for name in own):
                kept = {n: None if f"{kind}.{n}" in LENGTHS else v for n, v in kept.items()}
            if "batch_sizes" in own:
                kept |= dict.fromkeys(kept.keys() & {"batch_size", "ratio"})
            parts[kind] = replace(base[kind], init_args={**kept, **own})
    for part, settings in SETTINGS.items():
        own = {name: value for (of, name), value in values.items() if of == part}
        parts[part] = settings(**{**base.get(part, {}), **own})
    seed = values.get(("", "seed"), base.get("seed"))
    return Config(**parts, **({} if seed is None else {"seed": seed}))


def compose_part(kind: str, options: Mapping[str, Any]) -> Component:
    """One component of options by name, such as `data` and `data.path`.

    Raises:
        ValueError: as `compose`.
    """
    if kind == "data":
        options = _expanded_data(options)
    what = resolve(kind, options[kind], functions=True)
    return Component.of(kind, what, **arguments_of(kind, what, options))


def arguments_of(kind: str, what: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a class, of options by name such as `network.width`.

    Raises:
        ValueError: as `compose`.
    """
    values = _typed(parser_for({kind: what}), options, {kind: what})
    return {name: value for (part, name), value in values.items() if part == kind}


def selected(options: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The class, or function, of each part; None where the run has its own default."""
    return {kind: _chosen(kind, options, base or {}) for kind in KINDS}


def parser_for(chosen: Mapping[str, Any]) -> ArgumentParser:
    """A parser of the options of these classes and of all settings, in one group each."""
    parser = ArgumentParser(exit_on_error=False, add_help=False)
    for kind, what in chosen.items():
        if what is None:
            continue
        skip: set[str | int] = {1} if kind == "optimizer" else set()
        add = parser.add_class_arguments if inspect.isclass(what) else parser.add_function_arguments
        add(what, kind, skip=skip, sub_configs=False, fail_untyped=False)
    for name, settings in SETTINGS.items():
        parser.add_class_arguments(settings, name, sub_configs=False)
    parser.add_argument("--seed", type=int, default=42, help="of crops, noise and weights")
    for action in parser._actions:
        action.required = False  # what is missing is said when the part is built
    classes = {**chosen, **SETTINGS}
    for action in parser._actions:
        part, _, name = action.dest.partition(".")
        if is_dataclass(classes.get(part)):
            action.help = meanings(classes[part]).get(name, action.help)
    return parser


def names_of(parser: ArgumentParser) -> dict[str, Any]:
    """The parser's options by their whole names."""
    nested = {action.dest: action for action in parser._actions if "." in action.dest}
    own = {n: a for n, a in nested.items() if not n.endswith(".help")}
    return own | {a.dest: a for a in parser._actions if a.dest == "seed"}


def whole_names(options: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, str]:
    """The whole name of each option that `compose` would take, such as `data.size` for `size`.

    Raises:
        ValueError: as `compose`.
    """
    options = _expanded_data(options)
    chosen = selected(options, base)
    names = names_of(parser_for(chosen))
    items = with_items(options, chosen, base)
    return {name: name if name in KINDS else whole_name(name, names) for name in items}


def whole_name(name: str, names: Mapping[str, Any]) -> str:
    """The whole name of an option: of an everyday one, or of one that only one part has.

    Raises:
        ValueError: if there is none, or more than one.
    """
    if name in names:
        return name
    if EVERYDAY.get(name) in names:
        return EVERYDAY[name]
    same = [f"{part}.{name}" for part in DIRECT if f"{part}.{name}" in names]
    if len(same) == 1:
        return same[0]
    if same:
        raise ValueError(f"--{name} could be {' or '.join(f'--{n}' for n in same)}; say which.")
    raise ValueError(f"no option --{name}{_nearest(name, names)}")


def _nearest(name: str, names: Mapping[str, Any]) -> str:
    if name in RENAMED:
        return f"; it is --{RENAMED[name]} now."
    if name == "t_max":
        return "; the paper's tasks have it, such as paper_denoising."
    part = name.partition(".")[0]
    short = {n.partition(".")[2]: n for n in names if n.partition(".")[0] in DIRECT}
    guess = did_you_mean(name, [*names, *EVERYDAY, *short, *KINDS])
    if guess:
        return guess.replace("mean ", "mean --")
    own = [n for n in names if n.startswith(f"{part}.")]
    return f"; there are {', '.join(f'--{n}' for n in own)}." if own else "; see --help."


def _is_whole(kind: str, what: Any) -> bool:
    """Whether it is an object of the kind, or a component with its arguments."""
    return isinstance(what, Component) or KINDS[kind].holds(what)


def _chosen(kind: str, options: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The class, or function, of a part; None where the run has its own default."""
    what = options.get(kind)
    if _is_whole(kind, what):
        return None
    if isinstance(what, str):
        return resolve(kind, what, functions=True)
    if callable(what):
        return what
    if what is not None:
        raise ValueError(f"{kind}={what!r}: needs a name, a dotted path, a class or an object.")
    if base.get(kind) is not None:
        return base[kind].factory
    if kind == "task":
        return resolve(kind, DEFAULT_TASK, functions=False)
    if kind == "loss":
        return None
    if kind == "strategy" and {"steps", "strategy.steps"} & options.keys():
        return resolve(kind, OF_STEPS, functions=False)
    task = _task(options, base)
    if kind == "optimizer":
        usual = default_optimizer(task, _factory("strategy", options, base))
        return resolve(kind, usual, functions=False)
    return resolve(kind, getattr(task, f"default_{kind}"), functions=False)


def _task(options: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The class of the task."""
    return _factory("task", options, base)


def _factory(kind: str, options: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The class of a part, or the function that makes it."""
    own = options.get(kind)
    if not _is_whole(kind, own):
        return _chosen(kind, options, base)
    return own.factory if isinstance(own, Component) else type(own)


def _with_length(
    what: Any, own: Mapping[str, Any], options: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a strategy; if they say no length, with that of the base's strategy.

    Or, of a strategy that nobody named, with the task's budget.
    """
    if any(f"strategy.{name}" in LENGTHS for name in own):
        return dict(own)
    if base.get("strategy") is not None:
        takes, before = inspect.signature(what).parameters, base["strategy"].init_args
        lengths = {n: v for n, v in before.items() if f"strategy.{n}" in LENGTHS and n in takes}
        return {**own, **{n: v for n, v in lengths.items() if v is not None}}
    budget = None if "strategy" in options else _task(options, base).default_budget
    return dict(own) if budget is None else {**own, "budget": budget}


def _expanded_data(options: Mapping[str, Any]) -> dict[str, Any]:
    """`data=DIR` is short for the dataset Folder with that path."""
    options = dict(options)
    data = options.get("data")
    if not isinstance(data, str):
        return options
    data = expanded(data)
    named = plain_name(data) in {plain_name(name) for name in KINDS["data"].names()}
    is_directory = Path(data).is_dir()
    if named and is_directory:
        raise ValueError(
            f"data={data} is the name of a dataset and of a directory here; say ./{data} for the "
            f"directory, or telegrad.data.… for the dataset."
        )
    if is_directory:
        return {**options, "data": "Folder", "data.path": data}
    if os.sep in data or data.startswith("."):
        raise ValueError(f"data={data}: no such directory; needs a folder of images, or a dataset.")
    if not named and "." not in data:
        try:
            resolve("data", data, functions=False)
        except ValueError as error:
            raise ValueError(f"{error} There is no directory of that name either.") from None
    return options


def _typed(
    parser: ArgumentParser, options: Mapping[str, Any], chosen: Mapping[str, Any]
) -> dict[tuple[str, str], Any]:
    """The values that were given, by part and name."""
    names, of_option = names_of(parser), dict[str, str]()
    values: dict[tuple[str, str], Any] = {}
    for name, value in options.items():
        if name in KINDS:
            continue
        if name in ("learning_rate", "optimizer.lr") and "optimizer.lr" not in names:
            raise ValueError(f"--{name}: {chosen['optimizer'].__name__} has no learning rate lr.")
        whole = whole_name(name, names)
        if whole in of_option:
            raise ValueError(f"--{name} and --{of_option[whole]} are one option; give one of them.")
        of_option[whole] = name
        part, _, own = whole.rpartition(".")
        values[part, own] = parsed(parser, whole, value, name)
    return values


def parsed(parser: ArgumentParser, whole: str, value: Any, name: str) -> Any:
    """A value of an option's type; of a text, as it would stand on the command line.

    A list may stand without brackets: 8,4,2,1.

    Raises:
        ValueError: in one line, by the name under which the option was given.
    """
    try:
        text = value if isinstance(value, str) else json.dumps(_plain(value))
    except TypeError:
        raise ValueError(f"--{name}={value}: needs a number, a text, or several of them.") from None
    bare = isinstance(value, str) and not value.startswith(("[", "{"))
    try:
        result = parser.parse_args([f"--{whole}={text}"], defaults=False)[whole]
    except Exception as error:  # of several kinds, by what the type says
        try:
            if not bare:
                raise error
            result = parser.parse_args([f"--{whole}=[{text}]"], defaults=False)[whole]
        except Exception:
            kind = next((_kind(a) for a in parser._actions if a.dest == whole), None)
            raise ValueError(_in_a_line(error, name, value, kind)) from None
    return list(result) if isinstance(result, tuple) else result


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _kind(action: Any) -> Any:
    """The type of an option of the parser."""
    return getattr(action, "_typehint", action.type)


def _in_a_line(error: Exception, name: str, value: Any, kind: Any) -> str:
    """The parser's words for a wrong value, in one line; for several values our own."""
    several = ("<class 'list'>", "<class 'tuple'>", "<class 'dict'>")
    if any(one in str(error) for one in several):
        return f"--{name}={value}: needs {in_words(kind)}."
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    expected = next((line for line in lines if line.startswith("Expected")), lines[-1])
    words = {
        "<class 'int'>": "whole number",
        "<class 'float'>": "number",
        "<class 'str'>": "text",
        "<class 'bool'>": "true or false",
    }
    for told, word in words.items():
        expected = expected.replace(told, word)
    expected = expected.partition(". Got value")[0].replace("Expected a", "needs a", 1)
    if choices := re.fullmatch(r"needs an? typing\.Literal\[(.*)\]", expected):
        expected = f"needs one of {choices[1].replace(chr(39), '')}"
    return f"--{name}={value}: {expected}."
