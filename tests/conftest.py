import os

import pytest
import torch

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # of processes that tests start


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small tensors are quicker on one thread, and results are the same on every machine."""
    torch.set_num_threads(1)
