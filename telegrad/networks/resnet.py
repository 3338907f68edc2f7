"""ResNet: residual blocks at full resolution, conditioned on the time of corruption."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.layers import (
    ChannelNorm,
    RestorationNetwork,
    TimeEmbedding,
    check_call,
    embedded,
    zero_,
)


class ResNet(RestorationNetwork):
    """Residual network with a time embedding in each block.

    Args:
        channels: hidden channels; the paper's 128 by default.
        blocks: residual blocks of two 3×3 convolutions; the paper's 2 by default.
        in_channels, out_channels: of the images, 3 for RGB.
        residual: whether the output is added to the input, so that an untrained network returns
            its input and learns the correction only.
        time: whether the network is conditioned on times; without, `t` is ignored.

    Shape:
        images (n, 3, h, w) in [−1, 1], times (n,) in [0, 1] → (n, 3, h, w); any h and w.

    Source: He et al. 2016; configuration of Ahamed et al. 2026.
    """

    def __init__(
        self,
        channels: int = 128,
        blocks: int = 2,
        in_channels: int = 3,
        out_channels: int = 3,
        residual: bool = True,
        time: bool = True,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.opening = nn.Conv2d(in_channels, channels, 1)
        self.embedding = TimeEmbedding(32, channels) if time else None
        self.blocks = nn.ModuleList(_Block(channels, time) for _ in range(blocks))
        self.closing = zero_(nn.Conv2d(channels, out_channels, 1))

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        check_call(self, self.opening.weight, x, None if self.embedding is None else t)
        embedding = embedded(self, self.embedding, t)
        h = self.opening(x)
        for block in self.blocks:
            h = block(h, embedding)
        h = self.closing(h)
        return x + h if self.residual else h


class _Block(nn.Module):
    def __init__(self, channels: int, time: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(channels, channels) if time else None
        self.norm = ChannelNorm(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = self.first(x)
        if self.time is not None and embedding is not None:
            h = h + self.time(F.silu(embedding))[:, :, None, None]
        return x + self.second(F.silu(self.norm(h)))
