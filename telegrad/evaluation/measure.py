"""Whole images of test sets: corrupted, restored, measured."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from telegrad.bars import Bar
from telegrad.evaluation.channels import eight_bits, measured_channels, without_border
from telegrad.evaluation.ensemble import self_ensemble
from telegrad.evaluation.protocol import Protocol
from telegrad.evaluation.results import Row
from telegrad.evaluation.sets import ImageSet
from telegrad.evaluation.whole import Whole, whole_draw
from telegrad.networks.tiles import Tiled
from telegrad.tasks import Task


@torch.no_grad()
def measured(
    network: Tiled | None,
    task: Task,
    sets: Sequence[ImageSet],
    protocol: Protocol,
    shown: bool = False,
) -> list[Row]:
    """A row for each image of each set at each strength of the corruption.

    Args:
        network: in evaluation mode; if none is given, corrupted images are measured alone.
        task: that it was trained for.
        sets: of images.
        protocol: see `Protocol.of_task`.
        shown: whether there is a bar of progress.
    """
    protocol = protocol.of_task(task)
    jobs = [
        (a_set, said, variant, image)
        for a_set in sets
        for said, variant in protocol.variants(task)
        for image in a_set.images
    ]
    rows = []
    for a_set, said, variant, image in Bar(
        jobs, desc="evaluating", unit="image", leave=False, disable=not shown
    ):
        whole = whole_draw(variant, image, protocol.seed)
        height, width = whole.draw["clean"].shape[-2:]
        corrupted = whole.task.unrestored(whole.draw)
        restored = None if network is None else restored_by(network, whole, protocol)
        rows.append(
            Row(
                set=a_set.name,
                image=image.key or image.name,
                strength=said,
                height=height,
                width=width,
                corrupted=values(corrupted, whole, protocol, variant.stored),
                restored={} if restored is None else values(restored, whole, protocol),
            )
        )
    for metric in protocol.chosen:
        found = [row for row in rows if math.isnan(row.corrupted[metric.name])]
        if small := {(row.set, row.image): row for row in found}:
            row = found[0]
            warnings.warn(
                f"evaluate: too small for {metric.name}: {len(small)} of the images, such as "
                f"{row.image} ({row.height}×{row.width}); the means of their sets are no number.",
                stacklevel=2,
            )
    return rows


def restored_by(network: Tiled, whole: Whole, protocol: Protocol) -> Tensor:
    """What a network makes of a corrupted image (1, c, h, w), as it comes out."""
    device = next(network.network.parameters()).device
    task, draw = whole.task, whole.draw
    second = None if task.condition is None else draw[task.condition].to(device)
    given = task.observe(draw).to(device)
    if protocol.self_ensemble:
        return self_ensemble(lambda x: network(x, second, protocol.tile), given)
    return network(given, second, protocol.tile)


def values(
    images: Tensor, whole: Whole, protocol: Protocol, written: bool | None = None
) -> dict[str, float]:
    """Each metric of an image (1, c, h, w) in the task's range, beside the clean one.

    Not a number where an image is too small for a metric.

    Args:
        images: corrupted or restored.
        whole: with the clean image.
        protocol: with nothing left open.
        written: whether the image is clipped and rounded; clipped, and rounded as the protocol has
            it, if not given.
    """
    low, high = whole.task.value_range
    where = images.device if images.device.type == "cuda" else "cpu"
    raw = images.to(where, torch.float64), whole.draw["clean"].to(where, torch.float64)
    image, clean = ((x - low) / (high - low) for x in raw)
    clean = eight_bits(clean)
    if written is None:
        image = eight_bits(image) if protocol.rounding else image.clamp(0, 1)
    elif written:
        image = eight_bits(image)

    def part(x: Tensor, colors: bool) -> Tensor:
        if colors:
            return without_border(x.expand(-1, 3, -1, -1), protocol.crop_border or 0)
        x = measured_channels(x, protocol.channel or "rgb", whole.of_grey_file)
        rounds = protocol.rounding and written is not False
        return without_border(eight_bits(x) if rounds else x, protocol.crop_border or 0)

    found = {}
    for metric in protocol.chosen:
        pair = raw if metric.raw else (part(image, metric.colors), part(clean, metric.colors))
        large = min(pair[0].shape[-2:]) >= metric.smallest
        found[metric.name] = metric.value(*pair).item() if large else float("nan")
    return found
