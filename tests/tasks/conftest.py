import pytest
import torch
import torch.nn.functional as F


@pytest.fixture
def generator():
    """Random numbers, the same in every test."""
    return torch.Generator().manual_seed(7)


@pytest.fixture
def photographs():
    """Makes smooth images with edges, (n, 3, size, size) in [−1, 1]."""

    def make(n, size=64, seed=0):
        coarse = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        return F.interpolate(coarse, (size, size), mode="nearest") * 0.5 + 0.5 * F.interpolate(
            coarse, (size, size), mode="bilinear"
        )

    return make
