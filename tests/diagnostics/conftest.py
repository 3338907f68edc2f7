"""Problems whose gradients are known."""

import math

import pytest
import torch
from torch import nn

from telegrad import GridHierarchy, level_statistics

GRIDS = GridHierarchy((16, 16), 3)


class Linear:
    """loss(ω) = ⟨θ, g_l(ω)⟩, so that g_l(ω) is the gradient. The mean of an image is the same on
    all levels, that of white noise doubles with each: g_l = s + 2^(L − l) ζ."""

    def __init__(self, signal=0.3, noise=1.0, mean=0.2):
        self.theta = torch.zeros(5, requires_grad=True)
        self.signal, self.noise, self.mean = signal, noise, mean
        self.restriction = {"image": "averaging", "noise": "white_noise"}

    def draws(self, n, seed=0):
        generator = torch.Generator().manual_seed(seed)
        s = self.mean + self.signal * torch.randn(n, 5, 1, 1, generator=generator)
        noise = torch.randn(n, 5, 16, 16, generator=generator)
        return {"image": s.expand(n, 5, 16, 16).contiguous(), "noise": noise}

    def losses(self, batch):
        g = batch["image"].mean((2, 3)) + self.noise * batch["noise"].mean((2, 3))
        return (g * self.theta).sum(1)

    def statistics(self, n=64, **options):
        options = {"restriction": self.restriction, "timing": 0} | options
        return level_statistics(self.losses, self.draws(n), GRIDS, [self.theta], **options)

    @property
    def covariance(self):
        tau = self.noise**2 / 256
        levels = range(3)
        return torch.tensor(
            [[5 * (self.signal**2 + 2 ** (4 - a - b) * tau) for b in levels] for a in levels],
            dtype=torch.float64,
        )


class Prescribed(nn.Module):
    """Gradients as prescribed: row i of `levels[l]` is the gradient of draw i on level l."""

    def __init__(self, parameters):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(parameters))

    def losses(self, batch):
        level = int(math.log2(batch["image"].shape[-1])) - 1
        return (batch[f"level {level}"] * self.theta).sum(1)

    def statistics(self, levels, **options):
        n, side = len(levels[0]), 2 ** len(levels)
        batch = {f"level {k}": rows for k, rows in enumerate(levels)}
        batch["image"] = torch.zeros(n, 1, side, side)
        grids = GridHierarchy((side, side), len(levels))
        options = {"timing": 0} | options
        return level_statistics(self.losses, batch, grids, self.parameters(), **options)


@pytest.fixture
def linear():
    return Linear


@pytest.fixture
def prescribed():
    return Prescribed
