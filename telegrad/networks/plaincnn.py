"""PlainCNN: convolutions at one resolution; what becomes of a pixel depends on its surroundings."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from telegrad.networks.enlarging import check_form, enlarged
from telegrad.networks.layers import RestorationNetwork, check_call, zero_


class PlainCNN(RestorationNetwork):
    """3×3 convolutions with ReLU between them; the result is a correction to the image.

    As DnCNN, without its batch normalization, which mixes the samples of a pass, and shallower: it
    is made to be trained on a CPU. It looks `depth` pixels around, and takes images of any size.

    Args:
        channels: hidden channels.
        depth: convolutions, 2 or more.
        in_channels, out_channels: of the images, 3 for RGB and 1 for grey.
        scale: how many times larger the images come out, a side; the network works at the size of
            what it is given and enlarges at its end.
        residual: whether the result is added to the image, enlarged bilinearly.

    Shape:
        images (n, c, h, w), in [0, 1] by convention, any range works → (n, c, s·h, s·w); any h, w.

    Raises:
        ValueError: for a depth or a scale that can't be, or other channels out than in where the
            result is added to the image.

    Source: after Zhang et al., *Beyond a Gaussian denoiser* (DnCNN), IEEE Trans. Image Process.
    2017; the enlarging by Shi et al., *Real-time single image and video super-resolution using an
    efficient sub-pixel convolutional neural network*, CVPR 2016.
    """

    def __init__(
        self,
        channels: int = 48,
        depth: int = 8,
        in_channels: int = 3,
        out_channels: int = 3,
        scale: int = 1,
        residual: bool = True,
    ) -> None:
        super().__init__()
        check_form("PlainCNN", in_channels, out_channels, scale, residual)
        if depth < 2:
            raise ValueError(f"PlainCNN: depth={depth}; needs 2 convolutions or more.")
        self.scale, self.residual = scale, residual
        inner = (in_channels, *[channels] * (depth - 2))
        hidden = [nn.Conv2d(c, channels, 3, padding=1) for c in inner]
        for convolution in hidden:  # as large as they came, through any depth: He et al. 2015
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.hidden = nn.ModuleList(hidden)
        self.closing = zero_(nn.Conv2d(channels, out_channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        check_call(self, next(self.hidden.parameters()), x, None)
        h = x
        for convolution in self.hidden:
            h = F.relu(convolution(h), inplace=True)
        return enlarged(self.closing(h), self.scale, x if self.residual else None)
