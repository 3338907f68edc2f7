"""How large a network would be, found out before it takes memory or time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from telegrad.runs.component import Component

MOST_WEIGHTS = 2**30
"""Of a network: 4 GiB, and three times as much again for gradients and Adam."""

MOST_OPERATIONS = 5 * 10**4
"""On tensors that may be needed to make a network; the largest in use need a few ten thousand."""


class _TooLargeError(Exception):
    """Ends the making of a network as soon as it is clear that it would be too large."""


class _Counting(TorchFunctionMode):
    """Ends the making of a network that goes on and on."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            raise _TooLargeError(
                f"it would have more than {MOST_OPERATIONS // 10:,} weight tensors"
            )
        return function(*args, **(kwargs or {}))


def check_magnitude(network: Component, arguments: Mapping[str, Any]) -> None:
    """Makes the network without memory, as far as it may go.

    Raises:
        ValueError: if it would have too many weights, or goes on being made.
    """
    without_memory(network, arguments)


def without_memory(network: Component, arguments: Mapping[str, Any]) -> nn.Module | None:
    """The network with weights of no memory; None if it can't be made so.

    As one that computes with its weights when it is made, or fails whatever it is made of. Weights
    of lazy layers, whose shapes are not known yet, are not counted.

    Raises:
        ValueError: as `check_magnitude`.
    """
    try:
        # What is ended in the middle of `no_grad` may not have put the mode back.
        with torch.set_grad_enabled(torch.is_grad_enabled()), _Counting(), torch.device("meta"):
            counted: nn.Module = network.factory(**{**network.init_args, **arguments})
        weights = sum(p.numel() for p in counted.parameters() if not is_lazy(p))
        if weights > MOST_WEIGHTS:
            raise _TooLargeError(
                f"it would have {weights:.2g} weights; needs at most {MOST_WEIGHTS:,}"
            )
    except _TooLargeError as error:
        raise ValueError(f"{network}: {error}. Make it smaller.") from None
    except Exception:  # that is said where it is built
        return None
    return counted
