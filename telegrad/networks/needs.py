"""What a network needs of the sizes of images: said by it, by its library, or tried out."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from torch import nn
from torch.nn.modules.instancenorm import _InstanceNorm

from telegrad.networks.calling import Call
from telegrad.networks.sizes import LEAST, divisor_of, takes_size
from telegrad.networks.zoo import descriptor_of

OVER_THE_IMAGE = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.GroupNorm,
    nn.MultiheadAttention,
    _InstanceNorm,
)
"""Layers through which a pixel depends on the whole image."""


@dataclass(frozen=True)
class Needs:
    """What a network needs, and how it acts on images of other sizes.

    Attributes:
        divisor: heights and widths of what it is given must be multiples of it.
        smallest: least height and width of what it is given, in pixels.
        local: whether what becomes of a pixel depends on its surroundings alone, so that images of
            any size are restored alike.
    """

    divisor: int = 1
    smallest: int = 1
    local: bool = True


_known: WeakKeyDictionary[nn.Module, dict[Call, Needs]] = WeakKeyDictionary()


def needs_of(network: nn.Module, call: Call = Call()) -> Needs:  # noqa: B008  is frozen
    """What a network needs of the sizes of images.

    Its attributes `divisor`, `smallest` and `local` are believed. Else it is what spandrel says of
    its architecture. Else sizes are tried out, once for a network, and `local` is whether no layer
    looks at the whole image. A network that takes none of the sizes tried has no needs.

    >>> needs_of(nn.Conv2d(3, 3, 3, padding=1))
    Needs(divisor=1, smallest=1, local=True)

    Args:
        network: is left in the mode in which it was.
        call: how the task calls it.
    """
    of_calls = _known.setdefault(network, {})
    if call not in of_calls:
        of_calls[call] = _found(network, call)
    return of_calls[call]


def _found(network: nn.Module, call: Call) -> Needs:
    local = getattr(network, "local", None)
    if not isinstance(local, bool):
        local = not any(isinstance(module, OVER_THE_IMAGE) for module in network.modules())
    divisor = _size(network, "divisor")
    if divisor is not None:
        return Needs(divisor, _size(network, "smallest") or 1, local)
    described = descriptor_of(network)
    if described is not None:
        sizes = described.size_requirements
        local = local and described.tiling.name == "SUPPORTED"
        return Needs(sizes.multiple_of, max(sizes.minimum, 1), local)
    try:
        divisor = divisor_of(network, call)
    except ValueError:
        return Needs(local=local)
    side = divisor
    while side < LEAST and not takes_size(network, (side, side), call):
        side *= 2
    return Needs(divisor, side, local)


def _size(network: nn.Module, name: str) -> int | None:
    """An attribute, if it is a whole number from 1 on."""
    number = getattr(network, name, None)
    whole = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    return number if whole else None
