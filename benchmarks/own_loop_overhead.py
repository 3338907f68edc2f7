"""What `step.backward(losses)` adds in one's own loop to forward, mean and backward by hand.

    python benchmarks/own_loop_overhead.py

Both are timed in turn on the same batch, with one thread. Beside their difference, which is small
against the noise of the passes, stands the time of `step.backward` outside `losses` and the
backward pass. The optimizer's step is timed too, as torch makes it by default and fused.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from table import as_markdown, publish, read_csv, write_csv
from torch import Tensor

from telegrad import GridHierarchy
from telegrad.loading import Step
from telegrad.networks import ResNet

SIZES = {16: 16, 32: 16, 64: 8, 128: 4}
"""Height and width of the images, and how many."""

WAYS = ("bare", "step.backward")


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def repetitions(size: int, images: int, channels: int, number: int) -> Iterator[dict[str, object]]:
    """Milliseconds of each timed step, of both ways."""
    torch.manual_seed(0)
    network = ResNet(channels=channels)
    batch = {name: torch.randn(images, 3, size, size) for name in ("noisy", "clean")}
    batch["time"] = torch.rand(images)
    grids = GridHierarchy((size, size), 1)
    step = Step(0, 0, 0, {0: batch}, grids, (images,), work_units=1.0, progress=1.0)

    def losses(batch: dict[str, Tensor]) -> Tensor:
        output = network(batch["noisy"], batch["time"])
        return (output - batch["clean"]).square().mean((1, 2, 3))

    within: list[float] = []

    def watched(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def watching(argument: Any) -> Any:
            started = time.perf_counter()
            result = function(argument)
            within.append(time.perf_counter() - started)
            return result

        return watching

    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: losses(batch).mean().backward(),
        "step.backward": lambda: step.backward(watched(losses), watched(Tensor.backward)),
    }
    optimizers = {
        f"{kind.__name__}{', fused' * fused}": kind(network.parameters(), 1e-5, fused=fused or None)
        for kind in (torch.optim.Adam, torch.optim.AdamW)
        for fused in (False, True)
    }
    for repetition in range(-10, number):  # the first ones warm up
        found = {}
        for way in WAYS if repetition % 2 else reversed(WAYS):
            network.zero_grad(set_to_none=True)
            within.clear()
            found[way] = timed(ways[way])
            if within:
                found["outside"] = found[way] - sum(within)
        order = list(optimizers)[repetition % 4 :] + list(optimizers)[: repetition % 4]
        found |= {name: timed(optimizers[name].step) for name in order}
        if repetition >= 0:
            names = [*WAYS, "outside", *optimizers]
            milliseconds = {name: round(1e3 * found[name], 4) for name in names}
            yield {"size": size, "images": images, "repetition": repetition} | milliseconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20, help="about so long on each size")
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured: list[dict[str, object]] = []
    for size, images in SIZES.items():
        one = timed(lambda s=size, n=images: list(repetitions(s, n, options.channels, 1))) / 22
        number = max(20, int(options.seconds / 2 / one))
        measured += repetitions(size, images, options.channels, number)
        print(size, number, flush=True)
    write_csv("own_loop_overhead", measured)

    rows = []
    names = [name for name in measured[0] if name.startswith("Adam")]
    for size, images in SIZES.items():
        steps = [row for row in read_csv("own_loop_overhead") if row["size"] == str(size)]
        bare, ours = ([float(row[way]) for row in steps] for way in WAYS)
        outside = [float(row["outside"]) for row in steps]
        pairs = list(zip(ours, bare, strict=True))
        rows.append(
            [
                f"{images} of {size}×{size}",
                len(steps),
                f"{statistics.median(bare):.2f}",
                f"{statistics.median(a - b for a, b in pairs):.2f}",
                f"{statistics.median(a / b for a, b in pairs):.3f}",
                f"{statistics.median(outside):.2f}",
                f"{100 * statistics.median(outside) / statistics.median(bare):.1f}",
                *(f"{statistics.median(float(row[name]) for row in steps):.2f}" for name in names),
            ]
        )
    columns = ["images", "steps", "bare", "more", "ratio", "outside", "% of bare", *names]
    body = (
        f"ResNet of {options.channels} channels, one thread. Medians of milliseconds; "
        f"`step.backward` is compared with the bare passes beside it; "
        f"`outside`: its time outside `losses` and the backward pass.\n\n"
        + as_markdown(columns, rows)
    )
    publish("own_loop_overhead", "What `step.backward` adds in one's own loop", body, [0])


if __name__ == "__main__":
    main()
