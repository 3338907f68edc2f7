"""A loss by its name, as it stands in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from torch import Tensor, nn

from telegrad.dotted import imported, is_class, plain_name
from telegrad.errors import did_you_mean, reason
from telegrad.losses.base import Loss


def named_loss(name: object, arguments: object = None) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of that name: of a class derived from `Loss` or `torch.nn.Module`, nothing else.

    >>> named_loss("charbonnier", {"epsilon": 0.01})
    Charbonnier(epsilon=0.01)

    Args:
        name: a short one of ours, or the dotted path of a class.
        arguments: of the class, by name.

    Raises:
        ValueError: for something else, or arguments that it does not take.
    """
    kind = _class(name)
    given = {} if arguments is None else arguments
    if not isinstance(given, Mapping):
        raise ValueError(f"loss {name}: init_args={arguments!r}; needs arguments by name.")
    try:
        loss = kind(**given)
    except TypeError as error:
        raise ValueError(f"loss {name}: {error}.") from error
    return loss


def _class(name: object) -> type:
    if not isinstance(name, str):
        raise ValueError(f"loss {name!r}: needs the name of a loss, or the dotted path of a class.")
    if "." not in name:
        room = import_module("telegrad.losses")
        own = {known: getattr(room, known) for known in room.__all__}
        own = {known: what for known, what in own.items() if _is_loss(what)}
        plain = {plain_name(known): what for known, what in own.items()}
        if plain_name(name) in plain:
            return plain[plain_name(name)]
        guess = did_you_mean(name, own) or "."
        raise ValueError(f"loss {name}: no such name{guess} Losses: {', '.join(own)}.")
    try:
        what = imported(name)
    except Exception as error:  # a module that is imported can fail in any way
        raise ValueError(f"loss {name}: can't be imported ({reason(error)}).") from error
    if not _is_loss(what):
        raise ValueError(
            f"loss {name}: needs a class derived from telegrad.losses.Loss or torch.nn.Module."
        )
    return what


def _is_loss(what: object) -> bool:
    return is_class(what, Loss, nn.Module) and what is not Loss
