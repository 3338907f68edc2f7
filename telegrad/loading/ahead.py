"""Batches on the device before they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from telegrad.mge.batches import fields, on_device
from telegrad.mge.passengers import boarded

Batches = dict[int, Any]
"""By level."""


def moved(batches: Batches, device: torch.device) -> Batches:
    """Their tensors on that device; from pinned memory without waiting."""
    return {k: on_device(batch, device, non_blocking=True) for k, batch in batches.items()}


def ahead(steps: Iterator[Batches], device: torch.device) -> Iterator[Batches]:
    """Each step's batches on the device.

    On a GPU they are copied on a stream of their own, while the step before computes.
    """
    if device.type != "cuda":
        yield from (moved(batches, device) for batches in steps)
        return
    side = torch.cuda.Stream(device)

    def copied(batches: Batches | None) -> Batches | None:
        with torch.cuda.stream(side):
            return None if batches is None else moved(batches, device)

    following = copied(next(steps, None))
    while following is not None:
        now, computing = following, torch.cuda.current_stream(device)
        computing.wait_stream(side)  # for the copy of this step, and before the next one begins
        for batch in now.values():
            for _, field in fields(boarded(batch)):
                field.record_stream(computing)
        following = copied(next(steps, None))
        yield now
