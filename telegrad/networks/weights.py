"""Weights of a file, put into a network whatever stands around them and before their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from telegrad.errors import reason

PARTS = "params_ema average state_dict params model_state_dict model network".split()
"""Under which programs keep weights beside other things; averages go first."""

WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.")
"""What DistributedDataParallel, torch.compile and trainers put before the names of weights."""

COMPILED = "_orig_mod."
"""What torch.compile puts into names also further in."""

COUNTER = "n_averaged"
"""What torch's `AveragedModel` keeps beside its weights."""

DEPTH = 5
"""So many wrappers are looked under."""

SHOWN = 3
"""Names of weights in a message."""


def weights_in(content: Any) -> dict[str, Tensor]:
    """The weights in what a file holds, by the names that they have there; empty if there are none.

    >>> import torch
    >>> list(weights_in({"epoch": 3, "state_dict": {"net.bias": torch.zeros(2)}}))
    ['net.bias']
    """
    for _ in range(DEPTH):
        if not isinstance(content, Mapping):
            return {}
        inner = [content[name] for name in PARTS if isinstance(content.get(name), Mapping)]
        filled = [part for part in inner if part]
        if not filled:
            break
        content = filled[0]
    return {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor) and name != COUNTER
    }


@dataclass(frozen=True)
class Fit:
    """Which weights of a file fit a network.

    Attributes:
        taken: those that fit, by the network's names.
        reshaped: names of the network whose weight has another shape in the file, in words.
        missing: names of the network that the file has not.
        unused: names of the file that the network has not.
    """

    taken: Mapping[str, Tensor]
    reshaped: Mapping[str, str]
    missing: list[str]
    unused: list[str]

    @property
    def differences(self) -> str:
        """What does not fit, in a few words; empty if everything does."""
        groups = (
            ("of another width", list(self.reshaped.values())),
            ("missing from the file", self.missing),
            ("not in the network", self.unused),
        )
        return "; ".join(f"{what}: {few(names)}" for what, names in groups if names)

    def put_into(self, network: nn.Module) -> None:
        """Gives the network the weights that fit; the others stay as they are.

        Raises:
            ValueError: if the network refuses them.
        """
        try:
            network.load_state_dict({**network.state_dict(), **self.taken})
        except Exception as error:  # a network of the user's own can fail in any way
            raise ValueError(reason(error)) from error


def fit(network: nn.Module, weights: Mapping[str, Tensor]) -> Fit:
    """Which of these weights fit, under the wrappers on both sides that let most of them fit.

    >>> import torch
    >>> found = fit(nn.Linear(2, 1), {"module.bias": torch.zeros(1), "step": torch.zeros(())})
    >>> list(found.taken), found.missing, found.unused
    (['bias'], ['weight'], ['step'])
    """
    own, weights = _tensors(network.state_dict()), _tensors(weights)
    inside = {name.replace(COMPILED, ""): name for name in own}
    outside = {name.replace(COMPILED, ""): name for name in weights}

    def named(inner: str, outer: str) -> dict[str, str]:
        """Names of the network by those of the file, if `outer` stands for `inner`."""
        pairs = {n: inner + n.removeprefix(outer) for n in outside if n.startswith(outer)}
        return {outside[n]: inside[to] for n, to in pairs.items() if to in inside}

    def fitting(names: Mapping[str, str]) -> tuple[int, int]:
        return sum(weights[n].shape == own[to].shape for n, to in names.items()), len(names)

    found = max(
        (named(inner, outer) for inner in _before(inside, all) for outer in _before(outside, any)),
        key=fitting,
    )
    return Fit(
        taken={to: weights[n] for n, to in found.items() if weights[n].shape == own[to].shape},
        reshaped={
            to: f"{to} is {_shape(weights[n])} in the file and {_shape(own[to])} in the network"
            for n, to in found.items()
            if weights[n].shape != own[to].shape
        },
        missing=[name for name in own if name not in set(found.values())],
        unused=[name for name in weights if name not in found],
    )


def few(names: list[str], shown: int = SHOWN) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _tensors(named: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in named.items() if isinstance(value, Tensor)}


def _before(names: Iterable[str], which: Callable[[Iterable[bool]], bool]) -> list[str]:
    """Wrappers, and wrappers of these, before all or any of the names; nothing comes first."""
    found = [""]
    for before in found:  # which grows meanwhile
        longer = [before + wrapper for wrapper in WRAPPERS] if before.count(".") < DEPTH else []
        found += [b for b in longer if names and which(name.startswith(b) for name in names)]
    return found


def _shape(weight: Tensor) -> str:
    return "×".join(map(str, weight.shape)) or "a number"
