"""Passes recorded as CUDA graphs, so that small images don't wait for kernels to be launched.

A GPU is told of each kernel by the processor, which takes as long for 8 crops of 32×32 as for 32 of
128×128. A pass that is recorded once is launched whole, so that small images cost less again.
"""

from __future__ import annotations

import gc
import inspect
import math
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from telegrad.mge.coupling import CoupledDropout

DEVICE = "cuda"
"""Where passes are recorded."""

LARGEST_ERROR = 0.05
"""Of a replayed pass, in parts of the norm of its own output and gradient."""

WARM_UP = 3
"""Passes before one is recorded, in which libraries choose their kernels."""

Pass = Callable[..., Tensor]


_used: ContextVar[set[object] | None] = ContextVar("used_graphs", default=None)
"""Graphs that gradients of this step lie in; None outside a step."""


@contextmanager
def one_step() -> Iterator[None]:
    """Inside, passes are replayed. Gradients of earlier steps are no longer needed then."""
    token = _used.set(set())
    try:
        yield
    finally:
        _used.reset(token)


def record_every_shape(network: nn.Module) -> None:
    """Makes the network's passes in `one_step` recorded ones, in place.

    Each shape of input is recorded when it is first seen, and compared with the pass as it was. One
    that can't be recorded, or comes out otherwise, is made as before, and a warning says why. Also
    made as before are passes in evaluation, and a second pass of the same shape in a step: a
    graph's gradient lies where its next replay puts another.

    Args:
        network: on a GPU when it is called. Its parameters may change, but not be replaced.
    """
    if "forward" in vars(network):
        return  # its own already takes the place of its class's, and is not ours to replace
    network.forward = _Recorded(network)


class _Recorded:
    """A network's forward, replayed from CUDA graphs where it can be.

    Attributes:
        graphs: by what of its inputs a graph depends on; None where there can't be one.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network, self.as_it_was = network, network.forward
        self.first_weight = next(network.parameters(), None)
        self.graphs: dict[object, Pass | None] = {}
        self.left_alone = draws_masks(network)
        self.__signature__ = inspect.signature(network.forward)  # by which it is looked up

    def __deepcopy__(self, memo: dict[int, Any]) -> Pass:
        """A copied network's own forward, since graphs are of this one's weights."""
        network = memo.get(id(self.network), self.network)
        return types.MethodType(type(network).forward, network)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        used = _used.get()
        if used is None or self.left_alone or named or not self._trains(inputs):
            return self.as_it_was(*inputs, **named)
        key = _key(inputs)
        if key not in self.graphs:
            self._make_room(used)
            self.graphs[key] = self._record(inputs)
        replayed = self.graphs[key]
        if replayed is None or key in used:
            return self.as_it_was(*inputs)
        used.add(key)
        return replayed(*inputs)

    def _weights(self) -> list[nn.Parameter]:
        return [p for p in self.network.parameters() if p.requires_grad]

    def _trains(self, inputs: tuple[Any, ...]) -> bool:
        """Whether this is a pass of a step: of the weights that graphs are of, with a gradient."""
        return (
            self.network.training
            and torch.is_grad_enabled()
            and all(isinstance(x, Tensor) and x.device.type == DEVICE for x in inputs)
            and not any(x.requires_grad for x in inputs)
            and next(self.network.parameters(), None) is self.first_weight
        )

    def _record(self, inputs: tuple[Tensor, ...]) -> Pass | None:
        """A graph of these shapes; None, and a warning, where it can't be had.

        Buffers and random numbers are as before afterwards.
        """
        buffers = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        try:
            with torch.random.fork_rng(range(torch.cuda.device_count())), _without_cache():
                replayed = recorded_pass(self.as_it_was, inputs, self._weights())
                error = self._error(replayed, inputs)
            if error <= LARGEST_ERROR:
                return replayed
            why = f"its replay differs by {error:.2g} of the pass as it was"
        except torch.OutOfMemoryError:
            why = "that needs more memory than there is"
        except (RuntimeError, TypeError) as failed:
            why = str(failed).strip().splitlines()[0]
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        warnings.warn(
            f"{type(self.network).__name__}: a pass of {shapes} is not recorded as a CUDA graph, "
            f"and takes longer: {why}. To record none, and not be told: "
            f"--runtime.cuda_graphs false",
            stacklevel=2,
        )
        return None

    def _error(self, replayed: Pass, inputs: tuple[Tensor, ...]) -> float:
        """How far output and gradient of a replay are from those of the pass as it was.

        By images and random numbers other than those that were recorded: of a pass that takes some
        of them from Python, the graph has the old ones for ever. Gradients are of a value by which
        they are neither too small nor too large for half precision.
        """
        others = [x.flip(-1) for x in inputs]
        found: list[list[Tensor]] = []
        for forward in (self.as_it_was, replayed):
            torch.manual_seed(1)
            output = forward(*others)
            value = output.float().square().sum() / math.sqrt(output.numel())
            gradients = torch.autograd.grad(value, self._weights(), allow_unused=True)
            present = [g for g in gradients if g is not None]
            found.append([x.detach().float().clone() for x in (output, *present)])
        right, got = found
        if [x.shape for x in right] != [x.shape for x in got]:
            return math.inf
        parts = slice(0, 1), slice(1, None)
        errors = [_norm([a - b for a, b in zip(right[p], got[p], strict=True)]) for p in parts]
        of_norm = [e / max(_norm(right[p]), 1e-30) for e, p in zip(errors, parts, strict=True)]
        return max(e if math.isfinite(e) else math.inf for e in of_norm)

    def _make_room(self, used: set[object]) -> None:
        """Drops graphs in which no gradient lies, where less than half of the memory is free."""
        free, whole = torch.cuda.mem_get_info()
        if free < whole / 2 and len(self.graphs) > len(used):
            self.graphs = {k: g for k, g in self.graphs.items() if k in used or g is None}
            gc.collect()
            torch.cuda.empty_cache()


def recorded_pass(forward: Pass, inputs: Sequence[Tensor], weights: Sequence[nn.Parameter]) -> Pass:
    """A pass and its gradient as two graphs, which are replayed for any numbers in such inputs.

    `torch.cuda.make_graphed_callables` keeps the recorded pass's own autograd nodes, which are of a
    stream of their own: every update would then wait for it, and torch warns of that.

    Raises:
        RuntimeError: if the pass can't be recorded, such as one that waits for the GPU.
        TypeError: if its output is no tensor.
    """
    lie_in = [x.detach().clone() for x in inputs]
    here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        for n in range(WARM_UP):
            last = n == WARM_UP - 1
            with _waiting_refused() if last else nullcontext():
                output = forward(*lie_in)
                if not isinstance(output, Tensor):
                    raise TypeError(f"its output is a {type(output).__name__}; needs a tensor")
                torch.autograd.grad(output, weights, torch.zeros_like(output), allow_unused=True)
                del output
    here.wait_stream(aside)
    forwards, backwards = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    mode = "thread_local"  # a loader may pin memory meanwhile
    with torch.cuda.graph(forwards, stream=aside, capture_error_mode=mode):
        output = forward(*lie_in)
    of_output = torch.zeros_like(output)
    with torch.cuda.graph(backwards, forwards.pool(), aside, capture_error_mode=mode):
        gradients = torch.autograd.grad(output, weights, of_output, allow_unused=True)
    result = output.detach()
    del output

    class Replayed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            for lies, new in zip(lie_in, tensors, strict=False):  # the weights follow
                lies.copy_(new)
            forwards.replay()
            return result.detach()

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            of_output.copy_(gradient)
            backwards.replay()
            of_weights = (None if g is None else g.detach() for g in gradients)
            return (*[None] * len(lie_in), *of_weights)

    return lambda *images: Replayed.apply(*images, *weights)


def draws_masks(network: nn.Module) -> bool:
    """Whether coupled dropout draws masks on the CPU in every pass, which a graph wouldn't."""
    return any(isinstance(layer, CoupledDropout) and layer.p > 0 for layer in network.modules())


def _key(inputs: tuple[Tensor, ...]) -> object:
    """What a graph depends on, but for the numbers in its inputs."""
    shapes = tuple((x.shape, x.stride(), x.dtype) for x in inputs)
    half = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
    return shapes, half


def _without_cache() -> torch.autocast:
    """Half precision as it is, but every pass converts the weights, since they have changed."""
    return torch.autocast(
        "cuda",
        dtype=torch.get_autocast_dtype("cuda"),
        enabled=torch.is_autocast_enabled("cuda"),
        cache_enabled=False,
    )


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """Inside, what waits for the GPU raises a RuntimeError.

    A recording that fails would do as well, but leaves torch's allocator waiting for its end.
    """
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it may not find everything
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _norm(tensors: list[Tensor]) -> float:
    return float(nn.utils.get_total_norm(tensors))
