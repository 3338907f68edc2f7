"""A function of a test in two processes."""

import os
import socket
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch


def in_two_processes(function, *arguments):
    """Calls function(rank, *arguments) in two processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_as_under_torchrun, (port, function, arguments), nprocs=2)


def _as_under_torchrun(rank, port, function, arguments):
    sizes = {"WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_WORLD_SIZE": 1}
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": 1}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in (sizes | ranks | address).items()})
    torch.set_num_threads(1)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        function(rank, *arguments)
    os._exit(0)  # after it torch aborts now and then, all Python having ended
