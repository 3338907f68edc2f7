"""Which sizes of images a network takes: said by it, or tried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from telegrad.errors import reason
from telegrad.networks.calling import takes_times

DIVISORS = (1, 2, 4, 8, 16, 32, 64)
LEAST = 32
"""Least height and width of an image that divisors are tried with."""


def divisor_of(network: nn.Module) -> int:
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
        if _complaint(network, (odd * divisor, (odd + 2) * divisor)) is None:
            return divisor
    raise ValueError(
        f"{type(network).__name__}: takes images of none of the sizes tried, multiples of 1 to "
        f"{DIVISORS[-1]} pixels; {_complaint(network, (192, 320))}."
    )


def check_network(
    network: nn.Module, shapes: Sequence[tuple[str, tuple[int, ...]]], *, timed: bool = True
) -> None:
    """One forward pass at every size.

    Args:
        network: is left in the mode in which it was; random numbers go on as if nothing had been.
        shapes: what lies there, for messages, and (height, width) in pixels.
        timed: whether it is given times, if it takes them.

    Raises:
        ValueError: for a size that the network does not take, or that comes out otherwise; the
            message names the network, the size, and what would do.
    """
    for where, (height, width) in shapes:
        complaint = _complaint(network, (height, width), timed)
        if complaint is None:
            continue
        if not timed and _complaint(network, (height, width)) is None:
            way_out = "The task has no times: use a network of images alone, such as SRNet"
        else:
            way_out = _way_out(network, height, width)
        raise ValueError(
            f"{type(network).__name__}: fails on {where}, images of {height}×{width}: {complaint}. "
            f"{way_out}."
        )


def _way_out(network: nn.Module, height: int, width: int) -> str:
    """What to do about a network that fails at this size."""
    try:
        divisor = divisor_of(network)
    except ValueError:
        return "It fails at other sizes too: needs (n, 3, h, w) in [−1, 1] → (n, 3, h, w)"
    if height % divisor or width % divisor:
        return f"Use a size divisible by {divisor} on every level, or fewer levels"
    return "Use a larger size or fewer levels"


def _complaint(network: nn.Module, shape: tuple[int, ...], timed: bool = True) -> str | None:
    """What is wrong with two black images of that shape, in one line; None if nothing is."""
    weight = next(network.parameters(), torch.zeros(0))
    images = torch.zeros(2, 3, *shape, device=weight.device)
    with _undisturbed(network):
        try:
            times = (images.new_zeros(2),) if timed and takes_times(network) else ()
            out = network(images, *times)
        except Exception as error:  # a network of the user's own can fail in any way
            return reason(error)
    if not isinstance(out, Tensor):
        return f"it returned a {type(out).__name__}, not a tensor"
    if out.shape != images.shape:
        return f"it returned the shape {tuple(out.shape)} for {tuple(images.shape)}"
    if not out.is_floating_point() or not out.isfinite().all():
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
