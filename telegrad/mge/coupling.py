"""Randomness inside a network, the same for a draw on every level.

The correction g_l − g_{l−1} is small only if everything random in it is shared by the two levels.
A dropout layer that draws fresh masks in every pass breaks that: with element-wise dropout of 0.5
the correction's noise was 1.8 times as large as the gradient itself. `CoupledDropout` masks whole
channels, so that a mask fits every resolution, and within one multiscale step it gives a draw the
same mask on all levels.

How it works: a step owns a list of seeds. The k-th random layer called in a pass takes the k-th
seed, draws one row of numbers per sample from it, and uses the rows of the draws in this pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class StepRandomness:
    """The seeds of one step. Every pass of the step sees the same ones."""

    seeds: list[int] = field(default_factory=list)

    @contextmanager
    def draws(self, first: int, number: int) -> Iterator[None]:
        """Inside, the network sees the step's draws `first` … `first + number − 1`, in order."""
        token = _current.set(_CoupledDraws(self, first, number))
        try:
            yield
        finally:
            _current.reset(token)


@dataclass
class _CoupledDraws:
    """The draws that the network sees now, and how many of its random layers were called."""

    step: StepRandomness
    first: int
    number: int
    layers_called: int = 0

    def next_seed(self) -> int:
        if self.layers_called == len(self.step.seeds):
            self.step.seeds.append(_fresh_seed())
        self.layers_called += 1
        return self.step.seeds[self.layers_called - 1]


_current: ContextVar[_CoupledDraws | None] = ContextVar("coupled_draws", default=None)


def coupled_uniform(samples: int, numbers: int) -> Tensor:
    """Uniform numbers in [0, 1), shape (samples, numbers), on the CPU: one row for each draw.

    Inside `StepRandomness.draws` a draw's row does not depend on the level; outside, each call is
    independent. Seeds come from torch's default generator.
    """
    draws = _current.get()
    if draws is None:
        draws = _CoupledDraws(StepRandomness(), 0, samples)
    if samples != draws.number:
        raise ValueError(
            f"CoupledDropout: the network was given {samples} samples in a pass of {draws.number} "
            f"draws; call it with all the draws of the pass, in order, so that each keeps its mask "
            f"on every level."
        )
    generator = torch.Generator().manual_seed(draws.next_seed())
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
    mask on every level, provided the network calls its random layers in the same order on each.

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
        kept = _uniform(x.shape[0], x.shape[1]) >= self.p
        mask = kept.to(x.device, x.dtype, non_blocking=True) / (1 - self.p)
        return x * mask.reshape(*x.shape[:2], *[1] * (x.ndim - 2))

    def extra_repr(self) -> str:
        return f"p={self.p}"
