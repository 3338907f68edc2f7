"""GatedUNet: a U-shaped network of gated blocks, without statistics over pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.enlarging import check_form, enlarged
from telegrad.networks.layers import ChannelNorm, RestorationNetwork, check_call, zero_


class GatedUNet(RestorationNetwork):
    """Encoder and decoder of gated blocks; the result is a correction to the image.

    The blocks are NAFNet's without the attention over channels: that averages over the whole image,
    so that levels, tiles and whole images would be treated differently. Nothing here does; each
    pixel is normalized over its own channels, and the wide view comes of the halvings. Measured in
    `benchmarks/results/small_networks.md`.

    Args:
        channels: hidden channels at full resolution; twice as many at each halving.
        halvings: of the resolution, 0 or more.
        blocks: on each resolution of the encoder and of the decoder.
        middle_blocks: at the coarsest resolution.
        in_channels, out_channels: of the images, 3 for RGB and 1 for grey.
        scale: how many times larger the images come out, a side; the network works at the size of
            what it is given and enlarges at its end.
        residual: whether the result is added to the image, enlarged bilinearly.

    Shape:
        images (n, c, h, w), in [0, 1] by convention, any range works → (n, c, s·h, s·w). Any h, w:
        they are continued to multiples of 2^halvings inside, by reflection where that is possible,
        and cut off again.

    Raises:
        ValueError: for numbers or a scale that can't be, or other channels out than in where the
            result is added to the image.

    Source: after Chen et al., *Simple baselines for image restoration* (NAFNet), ECCV 2022; the
    enlarging by Shi et al., CVPR 2016.
    """

    def __init__(
        self,
        channels: int = 16,
        halvings: int = 3,
        blocks: int = 1,
        middle_blocks: int = 1,
        in_channels: int = 3,
        out_channels: int = 3,
        scale: int = 1,
        residual: bool = True,
    ) -> None:
        super().__init__()
        check_form("GatedUNet", in_channels, out_channels, scale, residual)
        if min(channels, blocks, middle_blocks) < 1 or halvings < 0:
            raise ValueError(
                f"GatedUNet: channels={channels}, halvings={halvings}, blocks={blocks}, "
                f"middle_blocks={middle_blocks}; needs 1 or more of each, halvings from 0 on."
            )
        self.scale, self.residual = scale, residual
        self.multiple = 2**halvings
        widths = [channels * 2**k for k in range(halvings)]
        self.opening = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(c, blocks) for c in widths)
        self.down = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in widths)
        self.middle = _blocks(channels * self.multiple, middle_blocks)
        self.up = nn.ModuleList(nn.Conv2d(2 * c, 4 * c, 1, bias=False) for c in reversed(widths))
        self.decoder = nn.ModuleList(_blocks(c, blocks) for c in reversed(widths))
        self.closing = zero_(nn.Conv2d(channels, out_channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        check_call(self, self.opening.weight, x, None)
        height, width = x.shape[-2:]
        h = self.opening(_continued(x, self.multiple).contiguous(memory_format=torch.channels_last))
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            h = blocks(h)
            skips.append(h)
            h = down(h)
        h = self.middle(h)
        for blocks, up in zip(self.decoder, self.up, strict=True):
            h = blocks(F.pixel_shuffle(up(h), 2) + skips.pop())
        h = self.closing(h)[..., :height, :width]
        return enlarged(h, self.scale, x if self.residual else None)


class _Block(nn.Module):
    """Two residual parts, the first with a depthwise convolution; each halves what it widened."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm_space = ChannelNorm(c)
        self.widen_space = nn.Conv2d(c, 2 * c, 1)
        self.depthwise = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.narrow_space = nn.Conv2d(c, c, 1)
        self.norm_channels = ChannelNorm(c)
        self.widen_channels = nn.Conv2d(c, 2 * c, 1)
        self.narrow_channels = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = _gate(self.depthwise(self.widen_space(self.norm_space(x))))
        x = x + self.narrow_space(h)
        h = _gate(self.widen_channels(self.norm_channels(x)))
        return x + self.narrow_channels(h)


def _blocks(c: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(c) for _ in range(number)))


def _gate(h: Tensor) -> Tensor:
    """The product of both halves of the channels."""
    first, second = h.chunk(2, dim=1)
    return first * second


def _continued(images: Tensor, multiple: int) -> Tensor:
    """Continued below and to the right, by reflection, or by repetition if they are too small."""
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not (below or right):
        return images
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)
