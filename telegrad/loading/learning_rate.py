"""A learning rate that falls with work, not with steps: steps of a schedule cost more and more."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from telegrad.loading.step import Step
from telegrad.mge.numbers import is_number

Shape = Callable[[float], float]
"""From the part of the work that is done, in [0, 1], to a factor of the highest learning rate."""


def constant_then_linear(decay: float = 0.3, lowest: float = 0.0) -> Shape:
    """1 until the last part `decay` of the work, over which it falls linearly to `lowest`.

    >>> [round(constant_then_linear(0.5)(p), 2) for p in (0, 0.5, 0.75, 1)]
    [1.0, 1.0, 0.5, 0.0]
    """
    if not (is_number(decay) and 0 < decay <= 1):
        raise ValueError(f"constant_then_linear: decay={decay!r}; needs a part in (0, 1].")

    def shape(progress: float) -> float:
        height = min((1 - progress) / decay, 1.0)
        return lowest + (1 - lowest) * height

    return shape


def cosine(lowest: float = 0.0) -> Shape:
    """Half a cosine, from 1 to `lowest`.

    >>> [round(cosine()(p), 2) for p in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """

    def shape(progress: float) -> float:
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * progress)) / 2

    return shape


class WorkLR:
    """Sets the learning rates of an optimizer by the work that is done.

    Each parameter group keeps its own highest rate: the one that it has when the object is made; or
    first seen, where it was added later. Where another `WorkLR` has set it last, it is the highest
    rate of that one.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> learning_rate = WorkLR(optimizer, cosine())
    >>> learning_rate.at(0.5)
    >>> round(optimizer.param_groups[0]["lr"], 3)
    0.05

    Args:
        optimizer: of torch, or like it.
        shape: of the course; by default constant, and linear over the last 30 % of the work.
        warmup: first part of the work, over which the rate rises linearly from 0.

    Raises:
        TypeError: for what is no optimizer, or a shape that gives no number, such as `cosine` in
            place of `cosine()`.
        ValueError: for a warm-up outside [0, 1).
    """

    def __init__(
        self, optimizer: Optimizer, shape: Shape | None = None, warmup: float = 0.0
    ) -> None:
        if not (is_number(warmup) and 0 <= warmup < 1):
            raise ValueError(f"WorkLR: warmup={warmup!r}; needs a part of the work in [0, 1).")
        if not hasattr(optimizer, "param_groups"):
            raise TypeError(
                f"WorkLR: optimizer of type {type(optimizer).__name__}; needs one of torch, such "
                f"as torch.optim.AdamW(model.parameters())."
            )
        self.optimizer, self.warmup = optimizer, warmup
        self.shape = constant_then_linear() if shape is None else shape
        if not (callable(self.shape) and is_number(self.shape(0.0))):
            raise TypeError(
                f"WorkLR: shape={shape!r}; needs a function from the part of the work that is done "
                f"to a factor of the rate, such as cosine()."
            )
        self.highest = [_highest(group) for group in optimizer.param_groups]
        self.progress = 0.0
        self.at(0.0)

    def step(self, step: Step) -> None:
        """After an update: the rates of the next one."""
        self.at(step.progress)

    def at(self, progress: float) -> None:
        """The rates once that part of the work is done, in [0, 1]."""
        self.progress = progress
        factor = self.shape(progress)
        if progress < self.warmup:
            factor *= progress / self.warmup
        groups = self.optimizer.param_groups
        self.highest += [_highest(group) for group in groups[len(self.highest) :]]
        for group, highest in zip(groups, self.highest, strict=True):
            if isinstance(group["lr"], Tensor):  # what is compiled or recorded reads it there
                group["lr"].fill_(highest * factor)
            else:
                group["lr"] = highest * factor
            group[_HIGHEST], group[_SET] = highest, highest * factor

    def state_dict(self) -> dict[str, Any]:
        return {"highest": list(self.highest), "progress": self.progress}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave.

        Raises:
            ValueError: for another number of parameter groups.
        """
        if len(state["highest"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"WorkLR.load_state_dict: {len(state['highest'])} learning rates for "
                f"{len(self.optimizer.param_groups)} parameter groups; needs the optimizer of then."
            )
        self.highest = list(state["highest"])
        self.at(state["progress"])


_HIGHEST, _SET = "highest_lr", "scheduled_lr"
"""In a parameter group: the highest rate, and the one that was set last."""


def _highest(group: dict[str, Any]) -> float:
    """The group's highest rate: its own, unless what it has is what an earlier object set."""
    now = float(group["lr"])
    untouched = _SET in group and math.isclose(now, group[_SET], rel_tol=1e-6)
    return float(group[_HIGHEST]) if untouched else now
