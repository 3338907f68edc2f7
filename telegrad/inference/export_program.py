"""A model's whole computation as a file: by torch.export, and from that in ONNX."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.overrides import TorchFunctionMode

from telegrad.errors import reason
from telegrad.inference.unit_range import OnUnitRange, three_sizes

BATCHES = (2, 1, 3)
"""Images at once that a file of a fixed size is tried with."""

UNITS = (1, 16, 64)
"""Sizes are multiples of one of them: a network that pads images itself is traced where it need
not."""


@dataclass(frozen=True)
class Made:
    """A file that is not written yet.

    Attributes:
        content: of the file.
        run: what the file computes, read back.
        unit: heights and widths of its images are multiples of it.
        sizes: numbers, heights and widths of images to compare it with the model on.
        clips: whether what it gives is clipped to [0, 1].
    """

    content: bytes
    run: Callable[..., Tensor]
    unit: int
    sizes: tuple[tuple[int, int, int], ...]
    clips: bool = False


def torch_file(function: OnUnitRange, suffix: str, size: int | None) -> Made:
    """A program for `torch.export.load`.

    Raises:
        ValueError: if the network can't be traced.
    """
    program, unit, sizes = traced(function, size)
    file = io.BytesIO()
    torch.export.save(program, file)
    again = torch.export.load(io.BytesIO(file.getvalue())).module()
    return Made(file.getvalue(), again, unit, sizes)


def onnx_file(function: OnUnitRange, suffix: str, size: int | None) -> Made:
    """A model for ONNX runtimes: `images`, and `sigma` where it is taken, to `restored`.

    Raises:
        ValueError: if the network can't be traced, or has operations that ONNX lacks.
    """
    import onnxruntime

    with _HeadAxis():
        program, unit, sizes = traced(function, size)
    inputs = ["images", "sigma"][: 1 + function.takes_sigma]
    try:
        with _quiet():
            made = torch.onnx.export(
                program, input_names=inputs, output_names=["restored"], dynamo=True, verbose=False
            )
        assert made is not None
        content = made.model_proto.SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many kinds, by the operation that fails
        raise ValueError(
            f"export: {function.network_name} can't be written in ONNX ({_first(error)}). Use "
            f"--to torch{'' if size else ', or a fixed --size'}."
        ) from error

    def run(*arguments: Tensor) -> Tensor:
        given = {name: a.numpy() for name, a in zip(inputs, arguments, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return Made(content, run, unit, sizes)


def traced(
    function: OnUnitRange, size: int | None = None
) -> tuple[ExportedProgram, int, tuple[tuple[int, int, int], ...]]:
    """The function's operations, of what sizes are multiples, and images to compare it on.

    It is for any number of images; of a fixed size for one image, where it can't be for more.

    Raises:
        ValueError: if it can't be traced.
    """
    units = [math.lcm(function.unit, unit) for unit in UNITS] if size is None else [size]
    tries = [(unit, False) for unit in units] + ([(size, True)] if size else [])
    for unit, one in tries:
        n, height, width = Dim("n"), *(_multiple(unit, name) for name in ("height", "width"))
        of_images = {0: n} if size else {0: n, 2: height, 3: width}
        shapes: tuple[Any, ...] = (of_images, {0: n})[: 1 + function.takes_sigma]
        batches = _sizes(unit, size, one)
        example = function.arguments(*batches[0])
        try:
            with _quiet(), torch.no_grad():
                function(*example)  # what a task builds for a size is there before it is traced
                program = torch.export.export(
                    function, example, dynamic_shapes=None if one else shapes, strict=False
                )
            return program, unit, batches
        except Exception as error:  # a network of the user's own can fail in any way
            failed = error
    sizes, way_out = "any size", " Export it for one size, such as --size 256."
    if size:
        sizes, way_out = "that size", ""
    raise ValueError(
        f"export: {function.network_name} can't be traced for images of {sizes} "
        f"({_first(failed)}).{way_out}"
    ) from failed


def _multiple(unit: int, name: str) -> Any:
    return unit * Dim(name) if unit > 1 else Dim(name)


def _sizes(unit: int, size: int | None, one: bool) -> tuple[tuple[int, int, int], ...]:
    if not size:
        return three_sizes(unit)
    return tuple((1 if one else n, size, size) for n in BATCHES)


class _HeadAxis(TorchFunctionMode):
    """Attention of one head without an axis for it, which ONNX needs, is given one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        attends = func is F.scaled_dot_product_attention
        if attends and len(args) == 3 and "attn_mask" not in named and args[0].ndim == 3:
            return func(*(x[:, None] for x in args), **named)[:, 0]
        return func(*args, **named)


def _first(error: BaseException) -> str:
    """The error that all began with, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return reason(error)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of the exporters, which are about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
