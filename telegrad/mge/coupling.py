"""Randomness inside a network, the same for a draw on every level.

The correction g_l − g_{l−1} is small only if everything random in it is shared by the two levels.
A dropout layer that draws fresh masks in every pass breaks that: with element-wise dropout of 0.5
the correction's noise was 1.8 times as large as the gradient itself. `CoupledDropout` masks whole
channels, so that a mask fits every resolution, and within one multiscale step it gives a draw the
same mask on all levels.

How it works: a step owns a seed for each random layer (for each of its calls, if it has several in
a pass). The layer draws one row of numbers per sample from it, and uses the rows of the draws in
this pass. Where activations are computed again in the backward pass, so are the masks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class StepRandomness:
    """The seeds of one step, by layer and call. Every pass of the step sees the same ones."""

    seeds: dict[tuple[int, int], int] = field(default_factory=dict)
    last: _CoupledDraws | None = None

    @contextmanager
    def draws(self, first: int, number: int) -> Iterator[None]:
        """Inside, the network sees the step's draws `first` … `first + number − 1`, in order."""
        self.last = _CoupledDraws(self, first, number)
        token = _current.set(self.last)
        try:
            yield
        finally:
            _current.reset(token)

    @contextmanager
    def again(self) -> Iterator[None]:
        """Inside, layers see the draws of the last pass once more.

        Activation checkpointing calls them in the backward pass, parts of the network in another
        order, and on a GPU in another thread.
        """
        global _again
        before, _again = _again, self.last
        try:
            yield
        finally:
            _again = before


@dataclass
class _CoupledDraws:
    """The draws that the network sees now, and how often each of its random layers was called."""

    step: StepRandomness
    first: int
    number: int
    calls: Counter[int] = field(default_factory=Counter)

    def seed_of(self, layer: int) -> int:
        call = self.calls[layer]
        self.calls[layer] += 1
        if (layer, call) not in self.step.seeds:
            self.step.seeds[layer, call] = _fresh_seed()
        return self.step.seeds[layer, call]

    def seed_again(self, layer: int) -> int:
        if self.calls[layer] != 1:
            raise ValueError(
                f"CoupledDropout: a layer that was called {self.calls[layer]} times in a pass is "
                f"called again in its backward pass, by activation checkpointing, and which of its "
                f"masks it is to have is not known. Use a layer of its own for each call."
            )
        return self.step.seeds[layer, 0]


_current: ContextVar[_CoupledDraws | None] = ContextVar("coupled_draws", default=None)
_again: _CoupledDraws | None = None


def coupled_uniform(layer: nn.Module, samples: int, numbers: int) -> Tensor:
    """Uniform numbers in [0, 1), shape (samples, numbers), on the CPU: one row for each draw.

    Inside `StepRandomness.draws` a draw's row does not depend on the level; outside, each call is
    independent. Seeds come from torch's default generator.
    """
    now, again = _current.get(), _again
    is_again = now is None and again is not None and id(layer) in again.calls
    draws = (again if is_again else now) or _CoupledDraws(StepRandomness(), 0, samples)
    if samples != draws.number:
        raise ValueError(
            f"CoupledDropout: the network was given {samples} samples in a pass of {draws.number} "
            f"draws; call it with all the draws of the pass, in order, so that each keeps its mask "
            f"on every level."
        )
    seed = draws.seed_again(id(layer)) if is_again else draws.seed_of(id(layer))
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(draws.first + samples, numbers, generator=generator)[draws.first :]


def _fresh_seed() -> int:
    return int(torch.randint(2**62, ()).item())


_uniform = coupled_uniform
"""As a layer calls it; see `_keep_out_of_graphs`."""


def _keep_out_of_graphs() -> None:
    """Masks are to be the same with and without torch.compile.

    Loading the compiler takes nearly as long as loading torch, so only those do who have a layer.
    """
    global _uniform
    if _uniform is coupled_uniform:
        _uniform = torch.compiler.disable(coupled_uniform)


class CoupledDropout(nn.Module):
    """Channel-wise dropout that `multiscale_backward` couples between levels.

    In training each channel of each sample is zeroed with probability `p` and the others are
    scaled by 1/(1 − p), as `torch.nn.Dropout2d` does. In one multiscale step a sample has the same
    mask on every level, also with activation checkpointing.

    Args:
        p: probability of dropping a channel, in [0, 1).

    Shape:
        (n, c, …) → (n, c, …)
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not isinstance(p, (int, float)) or not 0 <= p < 1:
            raise ValueError(f"CoupledDropout: p={p!r}, needs a probability in [0, 1).")
        self.p = p
        _keep_out_of_graphs()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        _keep_out_of_graphs()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or not x.is_floating_point():
            raise ValueError(
                f"CoupledDropout: got {tuple(x.shape)} of {x.dtype}; needs (n, c, …) in floating "
                f"point."
            )
        if not self.training or self.p == 0:
            return x
        kept = _uniform(self, x.shape[0], x.shape[1]) >= self.p
        mask = kept.to(x.device, x.dtype, non_blocking=True) / (1 - self.p)
        return x * mask.reshape(*x.shape[:2], *[1] * (x.ndim - 2))

    def extra_repr(self) -> str:
        return f"p={self.p}"
