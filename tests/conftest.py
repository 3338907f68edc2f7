import os

import pytest
import torch

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # of processes that tests start


LONGEST = (
    "test_launch test_faults test_examples test_report test_training test_processes test_scripts "
    "test_timing test_reproduce test_adaptation test_recipes test_fuzz"
).split()
"""Files that take longest, which begin first, so that no process is left with one at the end."""


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small tensors are quicker on one thread, and results are the same on every machine."""
    torch.set_num_threads(1)
