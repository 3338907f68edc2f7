"""How large a network would be, found out before it takes memory or time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
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
    """The network with weights of no memory; None if it computes with them when it is made.

    Raises:
        ValueError: as `check_magnitude`.
    """
    try:
        # What is ended in the middle of `no_grad` may not have put the mode back.
        with torch.set_grad_enabled(torch.is_grad_enabled()), _Counting(), torch.device("meta"):
            counted: nn.Module = network.build(**arguments)
        weights = sum(parameter.numel() for parameter in counted.parameters())
        if weights > MOST_WEIGHTS:
            raise _TooLargeError(
                f"it would have {weights:.2g} weights; needs at most {MOST_WEIGHTS:,}"
            )
    except _TooLargeError as error:
        raise ValueError(f"{network}: {error}. Make it smaller.") from None
    except (NotImplementedError, RuntimeError):
        return None
    return counted
