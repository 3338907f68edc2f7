import pytest
import torch


@pytest.fixture
def pair():
    """Restored and clean images, (3, 3, 16, 24) in [−1, 1]."""
    generator = torch.Generator().manual_seed(0)
    restored, clean = torch.rand(2, 3, 3, 16, 24, generator=generator) * 2 - 1
    return restored, clean
