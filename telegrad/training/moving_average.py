"""The exponential moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """An exponential moving average of the weights, over a tenth of all updates at most.

    After n updates the decay is min(decay, (1 + n)/(10 + n)), so that short runs forget their
    initial weights too. Both networks are asked for their weights only once, since that would take
    a tenth of a small step.

    Args:
        network: whose weights are averaged; always this one.
        decay: in [0, 1).

    Source: the rule of TensorFlow's `ExponentialMovingAverage`.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay
        self.averages: list[Tensor] = list(self.module.parameters())
        self.weights: list[Tensor] = list(network.parameters())

    @torch.no_grad()
    def update_parameters(self, model: nn.Module | None = None) -> None:
        """Moves the averages towards the weights; the first time, to them."""
        n = int(self.n_averaged)
        self.n_averaged += 1
        part = 1 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0
        torch._foreach_lerp_(self.averages, self.weights, part)
