"""SRNet: a light plain CNN for refining an interpolated image."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.layers import ChannelNorm, RestorationNetwork, check_call, zero_


class SRNet(RestorationNetwork):
    """Four convolutions with layer normalisation between them; learns the correction to its input.

    Args:
        channels: hidden channels; 64 by default.
        in_channels, out_channels: of the images, 3 for RGB.
        residual: whether the output is added to the input.

    Shape:
        images (n, 3, h, w) in [−1, 1] → (n, 3, h, w); any h and w. A time is accepted and ignored.
    """

    def __init__(
        self,
        channels: int = 64,
        in_channels: int = 3,
        out_channels: int = 3,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.hidden = nn.ModuleList(
            nn.Conv2d(c, channels, 3, padding=1) for c in (in_channels, channels, channels)
        )
        self.norms = nn.ModuleList(ChannelNorm(channels) for _ in self.hidden)
        self.closing = zero_(nn.Conv2d(channels, out_channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        check_call(self, next(self.hidden.parameters()), x, None)
        h = x
        for convolution, norm in zip(self.hidden, self.norms, strict=True):
            h = F.silu(norm(convolution(h)))
        h = self.closing(h)
        return x + h if self.residual else h
