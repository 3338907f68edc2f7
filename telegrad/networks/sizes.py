"""Which sizes of images a network takes: said by it, or tried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.networks.calling import WORDS, Call, misfit, second_argument, takes

DIVISORS = (1, 2, 4, 8, 16, 32, 64)
LEAST = 32
"""Least height and width of an image that divisors are tried with."""


def divisor_of(network: nn.Module, call: Call = Call()) -> int:  # noqa: B008  is frozen
    """What the heights and widths of its images must be multiples of.

    Its attribute `divisor`, if it has one that is a whole number. Else the least of 1, 2, 4, … 64
    of which odd multiples come out as large as they went in.

    Raises:
        ValueError: if none of them do.
    """
    own = getattr(network, "divisor", None)
    if isinstance(own, int) and own >= 1:
        return own
    for divisor in DIVISORS:
        odd = max(-(-LEAST // divisor) // 2 * 2 + 1, 3)
        if _complaint(network, (odd * divisor, (odd + 2) * divisor), call) is None:
            return divisor
    raise ValueError(
        f"{type(network).__name__}: takes images of none of the sizes tried, multiples of 1 to "
        f"{DIVISORS[-1]} pixels; {_complaint(network, (192, 320), call)}."
    )


def takes_size(network: nn.Module, shape: tuple[int, int], call: Call) -> bool:
    """Whether images of (height, width) come out as they should; see `check_network`."""
    return _complaint(network, shape, call) is None


def check_network(
    network: nn.Module,
    shapes: Sequence[tuple[str, tuple[int, ...]]],
    call: Call = Call(),  # noqa: B008  is frozen
) -> None:
    """One forward pass at every size.

    Args:
        network: is left in the mode in which it was; random numbers go on as if nothing had been.
        shapes: what lies there, for messages, and (height, width) in pixels of what comes out.
        call: how the task calls it.

    Raises:
        ValueError: for a size that the network does not take, or that comes out otherwise; the
            message names the network, the size, and what would do.
    """
    for where, shape in shapes:
        height, width = (n // call.enlarges for n in shape)
        complaint = _complaint(network, (height, width), call)
        if complaint is not None:
            raise ValueError(
                f"{type(network).__name__}: fails on {where}, images of {height}×{width}: "
                f"{complaint}. {_way_out(network, height, width, call)}."
            )


def _way_out(network: nn.Module, height: int, width: int, call: Call) -> str:
    """What to do about a network that fails at this size."""
    try:
        wants, _ = second_argument(network)
    except ValueError:
        wants = None
    as_it_wants = replace(call, condition=wants)
    if wants not in (None, call.condition) and not _complaint(
        network, (height, width), as_it_wants
    ):
        return f"The task has no {WORDS[wants].removeprefix('a ')}: use a network of images alone"
    as_large = replace(call, enlarges=1)
    if call.enlarges > 1 and not _complaint(network, (height, width), as_large):
        return (
            f"It doesn't enlarge, and the task needs {call.enlarges} times larger images: use "
            f"GatedUNet, PlainCNN or another network with an argument for the scale"
        )
    try:
        divisor = divisor_of(network, call)
    except ValueError:
        c, s = call.channels, call.enlarges
        into = f"(n, {c}, {s}·h, {s}·w)" if s > 1 else f"(n, {c}, h, w)"
        return f"It fails at other sizes too: needs (n, {c}, h, w) → {into}"
    if height % divisor or width % divisor:
        return f"Use a size divisible by {divisor} on every level, or fewer levels"
    return "Use a larger size or fewer levels"


def _complaint(network: nn.Module, shape: tuple[int, ...], call: Call) -> str | None:
    """What is wrong with two black images of that shape, in one line; None if nothing is."""
    weight = next(network.parameters(), torch.zeros(0))
    images = torch.zeros(2, call.channels, *shape, device=weight.device)
    with _undisturbed(network):
        try:
            if why := misfit(network, call.condition):
                return why
            second = (images.new_zeros(2),) if takes(network, call.condition) else ()
            version = images._version
            out = network(images, *second)
        except Exception as error:  # a network of the user's own can fail in any way
            return reason(error)
    if images._version != version:
        return "it changes the images that it is given; let it begin with x = x.clone()"
    if not isinstance(out, Tensor):
        return f"it returned a {type(out).__name__}, not a tensor"
    if out.shape != (2, call.channels, *(call.enlarges * n for n in shape)):
        return f"it returned the shape {tuple(out.shape)} for {tuple(images.shape)}"
    if not out.is_floating_point() or not (out.is_meta or out.isfinite().all()):
        return "it returned values that are not finite numbers"
    return None


@contextmanager
def _undisturbed(network: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    devices = {p.device.index or 0 for p in network.parameters() if p.device.type == "cuda"}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=sorted(devices)):
            yield
    finally:
        for module, training in modes:
            module.training = training
