"""PlainCNN: convolutions at one resolution; what becomes of a pixel depends on its surroundings."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.enlarging import check_form, enlarged
from telegrad.networks.layers import RestorationNetwork, check_call, zero_


class PlainCNN(RestorationNetwork):
    """3×3 convolutions at one resolution; the result is a correction to the image.

    As large as a short DnCNN, without its batch normalization, which mixes the samples of a pass.
    What holds the training together instead is that every two convolutions are a correction to what
    they are given, zero at first. It looks 2·blocks + 2 pixels around, and takes any size.
    Measured beside `GatedUNet` in `benchmarks/results/small_networks.md`.

    Args:
        channels: hidden channels.
        blocks: of two convolutions with ReLU between them; one more convolution before them and
            one behind.
        in_channels, out_channels: of the images, 3 for RGB and 1 for grey.
        scale: how many times larger the images come out, a side; the network works at the size of
            what it is given and enlarges at its end.
        residual: whether the result is added to the image, enlarged bilinearly.

    Shape:
        images (n, c, h, w), in [0, 1] by convention, any range works → (n, c, s·h, s·w); any h, w.

    Raises:
        ValueError: for numbers or a scale that can't be, or other channels out than in where the
            result is added to the image.

    Source: after Zhang et al., *Beyond a Gaussian denoiser* (DnCNN), IEEE Trans. Image Process.
    2017; blocks as in Lim et al. (EDSR), CVPR Workshops 2017; the enlarging by Shi et al.,
    *Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network*, CVPR 2016.
    """

    def __init__(
        self,
        channels: int = 48,
        blocks: int = 3,
        in_channels: int = 3,
        out_channels: int = 3,
        scale: int = 1,
        residual: bool = True,
    ) -> None:
        super().__init__()
        check_form("PlainCNN", in_channels, out_channels, scale, residual)
        if channels < 1 or blocks < 0:
            raise ValueError(
                f"PlainCNN: channels={channels}, blocks={blocks}; needs 1 channel or more, blocks "
                f"from 0 on."
            )
        self.scale, self.residual = scale, residual
        self.opening = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.closing = zero_(nn.Conv2d(channels, out_channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        check_call(self, self.opening.weight, x, None)
        h = self.closing(self.blocks(self.opening(x)))
        return enlarged(h, self.scale, x if self.residual else None)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = zero_(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x), inplace=True))
