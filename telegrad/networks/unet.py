"""UNet: encoder and decoder with skip connections, conditioned on the time of corruption."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.mge.coupling import CoupledDropout
from telegrad.networks.layers import (
    RestorationNetwork,
    TimeEmbedding,
    check_call,
    embedded,
    zero_,
)


class UNet(RestorationNetwork):
    """U-Net with residual blocks, a time embedding in each, and attention at its coarsest point.

    Args:
        channels: model channels; a multiple of 16, 32 by default.
        multipliers: channels at each resolution of the network, in multiples of `channels`.
        blocks: residual blocks at each resolution.
        dropout: probability of dropping a channel, coupled between levels (`CoupledDropout`).
        in_channels, out_channels: of the images, 3 for RGB.
        residual: whether the output is added to the input, so that an untrained network returns
            its input and learns the correction only.
        time: whether the network is conditioned on times; without, `t` is ignored.

    Shape:
        images (n, 3, h, w), times (n,) in [0, 1] → (n, 3, h, w); h and w divisible by
        `divisor` = 2^(resolutions − 1), which is 4 by default.

    Source: Ronneberger et al. 2015; blocks as in Dhariwal and Nichol 2021; configuration of
    Ahamed et al. 2026.
    """

    divisor = 4  # with the default multipliers
    local = False

    def __init__(
        self,
        channels: int = 32,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks: int = 1,
        dropout: float = 0.5,
        in_channels: int = 3,
        out_channels: int = 3,
        residual: bool = True,
        time: bool = True,
    ) -> None:
        super().__init__()
        if channels % _GROUPS:
            raise ValueError(f"UNet: channels={channels}, needs a multiple of {_GROUPS}.")
        self.residual = residual
        self.divisor = 2 ** (len(multipliers) - 1)
        features = 4 * channels
        self.embedding = TimeEmbedding(channels, features) if time else None
        self.opening = nn.Conv2d(in_channels, channels, 3, padding=1)

        def block(c_in: int, c_out: int) -> _Block:
            return _Block(c_in, c_out, features if time else None, dropout)

        c = channels
        skips = [c]
        self.encoder = nn.ModuleList()
        for k, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                self.encoder.append(block(c, channels * multiplier))
                c = channels * multiplier
                skips.append(c)
            if k < len(multipliers) - 1:
                self.encoder.append(_Down(c))
                skips.append(c)

        self.middle = nn.ModuleList([block(c, c), _Attention(c), block(c, c)])

        self.decoder = nn.ModuleList()
        for k, multiplier in reversed(list(enumerate(multipliers))):
            for _ in range(blocks + 1):
                self.decoder.append(block(c + skips.pop(), channels * multiplier))
                c = channels * multiplier
            if k:
                self.decoder.append(_Up(c))
        self.norm = nn.GroupNorm(_GROUPS, c)
        self.closing = zero_(nn.Conv2d(c, out_channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        check_call(self, self.opening.weight, x, None if self.embedding is None else t)
        if x.shape[-1] % self.divisor or x.shape[-2] % self.divisor:
            raise ValueError(
                f"UNet: images of {x.shape[-2]}×{x.shape[-1]}; needs height and width divisible by "
                f"{self.divisor}. Crop or pad them, or use fewer multipliers."
            )
        embedding = embedded(self, self.embedding, t)
        h = self.opening(x)
        skips = [h]
        for layer in self.encoder:
            h = layer(h, embedding)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, embedding)
        for layer in self.decoder:
            h = layer(torch.cat([h, skips.pop()], 1) if isinstance(layer, _Block) else h, embedding)
        h = self.closing(F.silu(self.norm(h)))
        return x + h if self.residual else h


_GROUPS = 16


class _Block(nn.Module):
    """Two convolutions, the time added between them; begins as the identity (or its 1×1 form)."""

    def __init__(self, c_in: int, c_out: int, features: int | None, dropout: float) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(_GROUPS, c_in)
        self.conv_in = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time = None if features is None else nn.Linear(features, c_out)
        self.norm_out = nn.GroupNorm(_GROUPS, c_out)
        self.dropout = CoupledDropout(dropout)
        self.conv_out = zero_(nn.Conv2d(c_out, c_out, 3, padding=1))
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = self.conv_in(F.silu(self.norm_in(x)))
        if self.time is not None and embedding is not None:
            h = h + self.time(F.silu(embedding))[:, :, None, None]
        h = self.conv_out(self.dropout(F.silu(self.norm_out(h))))
        return self.skip(x) + h


class _Attention(nn.Module):
    """Self-attention of one head over all pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).flatten(2).mT.chunk(3, dim=-1)
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(h.mT.reshape(x.shape))


class _Down(nn.Conv2d):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class _Up(nn.Conv2d):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(F.interpolate(x, scale_factor=2.0))
