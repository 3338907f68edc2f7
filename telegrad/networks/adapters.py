"""Networks of other people, called as ours are: one line around the model."""

from __future__ import annotations

from torch import Tensor, nn


class WithoutTime(nn.Module):
    """A model of images alone: `model(images)`, images (n, c, h, w) in [−1, 1]; times are ignored.

    Args:
        model: any module.
        divisor: the heights and widths of images must be multiples of it; tried out if not given,
            see `divisor_of`.

    >>> import torch
    >>> network = WithoutTime(nn.Conv2d(3, 3, 3, padding=1))
    >>> network(torch.zeros(2, 3, 8, 8), torch.zeros(2)).shape
    torch.Size([2, 3, 8, 8])
    """

    def __init__(self, model: nn.Module, divisor: int | None = None) -> None:
        super().__init__()
        self.model = model
        if divisor is not None:
            self.divisor = divisor

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        return self.model(x)


class WithNoiseLevel(nn.Module):
    """A model of images and the noise in them, as deepinv's denoisers: `model(images, sigma)`.

    Such a model takes images in [0, 1] and, for each, the standard deviation of its noise. At time
    t the noise has the standard deviation t on [−1, 1], which is t/2 on [0, 1]. For a task without
    times sigma is 0.

    Args:
        model: for example `deepinv.models.DRUNet(pretrained=None)`.
        divisor: the heights and widths of images must be multiples of it; tried out if not given,
            see `divisor_of`.

    Source: Tachella et al., *DeepInverse: A Python package for solving imaging inverse problems
    with deep learning*, 2025 (the convention).
    """

    def __init__(self, model: nn.Module, divisor: int | None = None) -> None:
        super().__init__()
        self.model = model
        if divisor is not None:
            self.divisor = divisor

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        sigma = x.new_zeros(len(x)) if t is None else t / 2
        return 2 * self.model((x + 1) / 2, sigma) - 1
