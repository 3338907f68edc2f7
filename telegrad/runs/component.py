"""A part of a run: a class by its name, and the arguments that it is called with."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telegrad.dotted import MissingNameError, imported, is_class, offered_at, plain_name
from telegrad.errors import did_you_mean, reason


@dataclass(frozen=True)
class Kind:
    """What a part of a run may be.

    Attributes:
        name: of the part.
        room: the module whose classes go by their short names.
        bases: of which a class must be derived from one.
        plural: for messages.
        apart: classes of the room that have no short name, since they are made around another.
    """

    name: str
    room: str
    bases: tuple[str, ...]
    plural: str
    apart: tuple[str, ...] = ()

    def accepts(self, what: object) -> bool:
        """Whether it is a class of this kind."""
        return is_class(what, *self._classes())

    def holds(self, what: object) -> bool:
        """Whether it is an object of this kind."""
        return isinstance(what, self._classes())

    def names(self) -> dict[str, type]:
        """The classes of the room, by their short names."""
        room = importlib.import_module(self.room)
        offered = {name: getattr(room, name) for name in getattr(room, "__all__", dir(room))}
        return {
            name: what
            for name, what in offered.items()
            if self.accepts(what) and not inspect.isabstract(what) and name not in self.apart
        }

    def _classes(self) -> tuple[type, ...]:
        return tuple(imported(base) for base in self.bases)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("task", "telegrad.tasks", ("telegrad.tasks.Task",), "tasks"),
        Kind(
            "network",
            "telegrad.networks",
            ("torch.nn.Module",),
            "networks",
            apart=("RestorationNetwork", "WithNoiseLevel", "WithoutTime"),
        ),
        Kind("data", "telegrad.data", ("telegrad.data.Data",), "datasets"),
        Kind("loss", "telegrad.losses", ("telegrad.losses.Loss", "torch.nn.Module"), "losses"),
        Kind("optimizer", "torch.optim", ("torch.optim.Optimizer",), "optimizers", ("Optimizer",)),
        Kind("strategy", "telegrad.schedules", ("telegrad.schedules.Strategy",), "strategies"),
    )
}

EXTRAS = {"spandrel": "zoo", "deepinv": "deepinv"}
"""Libraries of networks, and the extra that installs each."""


@dataclass(frozen=True)
class Component:
    """A class by its name, and the arguments that it is called with: plain data.

    >>> Component.of("network", "ResNet", channels=8).class_path
    'telegrad.networks.ResNet'

    Attributes:
        kind: name of its kind, see `KINDS`.
        class_path: dotted path of the class, or of a function that makes an object of the kind.
        init_args: plain data by name.
        instance: the object itself, where it was given from Python and its arguments are unknown.
    """

    kind: str
    class_path: str
    init_args: Mapping[str, Any]
    instance: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, kind: str, what: Any, /, **arguments: Any) -> Component:
        """A component from whatever describes it.

        Args:
            kind: of the part, see `KINDS`.
            what: its name, its class, a function that makes it, an object of it, or a component.
                No object of an optimizer: it has weights of its own already.
            arguments: for a name, a class or a function.

        Raises:
            ValueError: for something else, or arguments that are not plain data.
        """
        if isinstance(what, Component):
            return what
        if isinstance(what, str):
            what = resolve(kind, what, functions=True)
        if KINDS[kind].holds(what):
            if kind == "optimizer":
                raise ValueError(
                    f"optimizer: got an object of {type(what).__name__}, which has its weights "
                    f"already; needs its name or class, and arguments, as in "
                    f'Component.of("optimizer", "{type(what).__name__}", lr=1e-3).'
                )
            _check_not_compiled(kind, what)
            if not dataclasses.is_dataclass(what):
                return cls(kind, path_of(kind, type(what)), {}, what)
            arguments = {f.name: getattr(what, f.name) for f in dataclasses.fields(what) if f.init}
            what = type(what)
        elif not callable(what) or (inspect.isclass(what) and not KINDS[kind].accepts(what)):
            raise _wrong_kind(kind, getattr(what, "__qualname__", repr(what)))
        arguments = {name: _as_plain(value) for name, value in arguments.items()}
        for name, value in arguments.items():
            _check_plain(f"{kind}.{name}", value)
        return cls(kind, path_of(kind, what), completed(what, arguments))

    @classmethod
    def from_file(cls, kind: str, content: Any) -> Component:
        """A component from a file, which may be a stranger's: of a class of the kind, or none.

        Raises:
            ValueError: for a function or a class of another kind, or a name that can't be imported.
        """
        if isinstance(content, str):
            content = {"class_path": content}
        known = isinstance(content, Mapping) and content.keys() <= {"class_path", "init_args"}
        if not known or not isinstance(content.get("class_path"), str):
            raise ValueError(
                f"{kind}={content!r}: needs class_path, and init_args if there are any."
            )
        arguments = content.get("init_args") or {}
        if not isinstance(arguments, Mapping):
            raise ValueError(f"{kind}.init_args={arguments!r}: needs arguments by name.")
        _check_plain(f"{kind}.init_args", arguments)
        what = resolve(kind, content["class_path"], functions=False)
        return cls(kind, path_of(kind, what), completed(what, arguments))

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        arguments = None if self.instance is not None else dict(self.init_args)
        return {"class_path": self.class_path, "init_args": arguments}

    @property
    def short_name(self) -> str:
        """The last part of its path."""
        return self.class_path.rpartition(".")[2]

    @property
    def is_class(self) -> bool:
        """Whether a file can describe it: it is a class, and its arguments are known."""
        return self.instance is None and inspect.isclass(self.factory)

    @property
    def factory(self) -> Callable[..., Any]:
        """The class or the function."""
        return resolve(self.kind, self.class_path, functions=True)

    def build(self, *positional: Any, **more: Any) -> Any:
        """The object.

        Raises:
            ValueError: for arguments that it does not take or fails with, or a function that makes
                another kind.
        """
        if self.instance is not None:
            return copy.deepcopy(self.instance)  # a run leaves what describes it as it was
        arguments = {**self.init_args, **more}
        if missing := _missing(self.factory, positional, arguments):
            raise ValueError(
                f"{self.kind} {self.short_name}: needs {', '.join(missing)}; say "
                f"{', '.join(f'--{self.kind}.{name}' for name in missing)}."
            )
        try:
            built = self.factory(*positional, **arguments)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a class of the user's own can fail in any way
            if isinstance(error, ValueError) and self.class_path.startswith("telegrad."):
                raise  # in words that name it
            said = error if isinstance(error, (TypeError, ValueError)) else reason(error)
            raise ValueError(f"{self}: {said}") from error
        if not KINDS[self.kind].holds(built):
            raise _wrong_kind(self.kind, f"a {type(built).__name__} from {self.class_path}")
        _check_not_compiled(self.kind, built)
        return built

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.init_args.items())
        return f"{self.kind} {self.short_name}({arguments})"


def resolve(kind: str, path: str, *, functions: bool) -> Any:
    """The class that a name stands for: a short one of ours, or a dotted path to anybody's.

    Modules in the working directory can be imported. Nothing is called.

    Args:
        kind: that the class must be of, see `KINDS`.
        path: `ResNet`, `resnet`, `my_nets.MyNet`, …
        functions: whether a function that makes an object of the kind will do.

    Raises:
        ValueError: for anything else; the message names what is near.
    """
    own = KINDS[kind]
    if "." not in path:
        names = own.names()
        plain = {plain_name(name): what for name, what in names.items()}
        if plain_name(path) in plain:
            return plain[plain_name(path)]
        guess = did_you_mean(path, names) or did_you_mean(plain_name(path), plain)
        raise ValueError(
            f"{kind}={path}: no such name{guess or '.'} {own.plural.capitalize()}: "
            f"{', '.join(names)}; or a dotted path to your own, such as my_module.MyClass."
        )
    try:
        what = imported(path)
    except MissingNameError as error:
        raise ValueError(f"{kind}={path}: {error}") from None
    except ModuleNotFoundError as error:
        library = str(error.name or "").partition(".")[0] or path.partition(".")[0]
        if library in EXTRAS:
            raise ValueError(
                f"{kind}={path}: {library} is not installed; pip install "
                f"'telegrad[{EXTRAS[library]}]'."
            ) from None
        raise _not_imported(kind, path, error) from error
    except Exception as error:  # a module that is imported can fail in any way
        raise _not_imported(kind, path, error) from error
    if own.accepts(what) or (functions and callable(what) and not inspect.isclass(what)):
        return what
    if inspect.ismodule(what):
        inside = [name for name, part in vars(what).items() if own.accepts(part)]
        raise ValueError(
            f"{kind}={path}: is a module; its {own.plural} are {', '.join(inside) or 'none'}. Say "
            f"{path}.{inside[0] if inside else 'MyClass'}."
        )
    raise _wrong_kind(kind, path, own=not functions and inspect.isfunction(what))


def _not_imported(kind: str, path: str, error: Exception) -> ValueError:
    return ValueError(
        f"{kind}={path}: can't be imported ({reason(error)}). Its module must be installed, or lie "
        f"in the working directory."
    )


def path_of(kind: str, what: Any) -> str:
    """The dotted path of a class or function, by the uppermost package that offers it."""
    name = getattr(what, "__qualname__", type(what).__qualname__)
    room = KINDS[kind].room
    if getattr(importlib.import_module(room), name, None) is what:
        return f"{room}.{name}"
    return offered_at(what, name)


def _missing(what: Any, positional: Sequence[Any], arguments: Mapping[str, Any]) -> list[str]:
    """Names of the arguments that it can't do without and has not."""
    try:
        parameters = list(inspect.signature(what).parameters.values())[len(positional) :]
    except (TypeError, ValueError):
        return []
    various = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in various and p.name not in arguments
    ]


def completed(what: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the defaults of those that were left out, where these are plain data.

    A learning rate has no default here: a strategy has one of its own.
    """
    try:
        parameters = inspect.signature(what).parameters
    except (TypeError, ValueError):
        return dict(arguments)
    defaults = {
        name: _as_plain(p.default)
        for name, p in parameters.items()
        if p.default is not p.empty and name != "lr" and _is_plain(_as_plain(p.default))
    }
    return {**defaults, **arguments}


def _check_not_compiled(kind: str, what: Any) -> None:
    """Raises ValueError for a network that `torch.compile` has made into a wrapper."""
    if kind == "network" and hasattr(what, "_orig_mod"):
        name = type(what._orig_mod).__name__
        raise ValueError(
            f"network: got what torch.compile returns for {name}; needs {name} itself, and "
            f"runtime=Runtime(compile=True), on the command line --compile."
        )


def _wrong_kind(kind: str, what: str, own: bool = False) -> ValueError:
    """Of what a name stands for; `own`: it is a function, and the name was a file's."""
    bases = " or ".join(KINDS[kind].bases)
    again = f" If it is a function of your own, name it again: --{kind} {what}." if own else ""
    return ValueError(
        f"{kind}: {what} is not of the right kind; needs a class derived from {bases}.{again}"
    )


def _as_plain(value: Any) -> Any:
    """Tuples as lists, as they come back from a file."""
    return [_as_plain(part) for part in value] if isinstance(value, (tuple, list)) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _check_plain(name: str, value: Any) -> None:
    if not _is_plain(value):
        raise ValueError(
            f"{name}={value!r}: needs plain data (numbers, texts, lists and dictionaries of them). "
            f"Give a function that makes the object instead."
        )
