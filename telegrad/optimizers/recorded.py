"""Muon's updates as a CUDA graph: on a GPU most of their time goes by launching small kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from telegrad.optimizers.orthogonal import orthogonal_updates

WARM_UP = 2
"""Passes before one is recorded, in which libraries choose their kernels."""

Updates = Callable[[Sequence[Tensor]], list[Tensor]]


class RecordedUpdates:
    """`orthogonal_updates`, launched whole where all directions are on one GPU.

    What comes out is overwritten by the next call of the same shapes. Each set of shapes is
    recorded when it is first seen, and keeps memory for about three times its directions. Inside
    another recording they are made as they are, and become part of that. Where they can't be
    recorded they are made as they are too, and a warning says why.

    Attributes:
        graphs: by shapes, types, devices and iterations; None where there can't be one.
    """

    def __init__(self) -> None:
        self.graphs: dict[object, Updates | None] = {}

    def __call__(self, directions: Sequence[Tensor], iterations: int) -> list[Tensor]:
        if not _on_one_gpu(directions):
            return orthogonal_updates(directions, iterations)
        key = iterations, tuple((x.shape, x.dtype, x.device) for x in directions)
        if key not in self.graphs:
            try:
                self.graphs[key] = recorded_updates(directions, iterations)
            except RuntimeError as failed:  # such as that there is no memory for it
                self.graphs[key] = None
                why = next(iter(str(failed).strip().splitlines()), type(failed).__name__)
                warnings.warn(
                    f"Muon: updates are not recorded as a CUDA graph, and take longer: {why}",
                    stacklevel=4,
                )
        replayed = self.graphs[key]
        if replayed is None:
            return orthogonal_updates(directions, iterations)
        return replayed(directions)


def recorded_updates(directions: Sequence[Tensor], iterations: int) -> Updates:
    """A graph of the updates, which is replayed for any directions of these shapes.

    They have the memory format of the directions, and so of the weights: others are added one by
    one.
    """
    lie_in = [torch.empty_like(x).copy_(x) for x in directions]
    here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            orthogonal_updates(lie_in, iterations)
    here.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
        found = orthogonal_updates(lie_in, iterations)
        updates = [
            torch.empty_like(x).copy_(update) for x, update in zip(lie_in, found, strict=True)
        ]

    def replayed(directions: Sequence[Tensor]) -> list[Tensor]:
        torch._foreach_copy_(lie_in, list(directions))
        graph.replay()
        return updates

    return replayed


def _on_one_gpu(tensors: Sequence[Tensor]) -> bool:
    """Whether these can be recorded: they are on the GPU in use, and nothing records already."""
    if not tensors or any(x.device.type != "cuda" for x in tensors):
        return False
    here = torch.device("cuda", torch.cuda.current_device())
    return all(x.device == here for x in tensors) and not torch.cuda.is_current_stream_capturing()
