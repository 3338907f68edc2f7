"""The exponential moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """An exponential moving average of the weights, over a tenth of all updates at most.

    After n updates the decay is min(decay, (1 + n)/(10 + n)), so that short runs forget their
    initial weights too. Buffers, such as the statistics of a BatchNorm, are the network's own.
    Both networks are asked for their weights only once, since that would take a tenth of a small
    step; for buffers each time where there are any, since networks may put others in their place.

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
        self.network = [network] if any(True for _ in network.buffers()) else []  # no submodule

    @torch.no_grad()
    def update_parameters(self, model: nn.Module | None = None) -> None:
        """Moves the averages towards the weights; the first time, to them."""
        n = int(self.n_averaged)
        self.n_averaged += 1
        part = 1 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0
        torch._foreach_lerp_(self.averages, self.weights, part)
        for network in self.network:
            for own, buffer in zip(self.module.buffers(), network.buffers(), strict=True):
                own.copy_(buffer)
