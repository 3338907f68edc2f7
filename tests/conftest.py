import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small tensors are quicker on one thread, and results are the same on every machine."""
    torch.set_num_threads(1)
