"""Does the stream of crops keep up? Images a second that it delivers against what training takes.

    python benchmarks/stream.py --data_dir PHOTOGRAPHS

On every level the stream alone (`CropStream.take`, to the device, `Task.draw`) is timed beside a
forward and backward pass of the same draws, in turn: with images in memory, in the cache on disk
with its pages in memory, and in the cache after the system has been told to forget its pages, as
when images are many times larger than memory. The step stays bound by the network while the ratio
is well above 1; 5 is asked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from table import as_markdown, publish

from telegrad.data import Folder
from telegrad.data.pyramid import Pyramid, build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.grids import GridHierarchy
from telegrad.networks import ResNet, UNet
from telegrad.tasks import Draw, PaperDenoising, Task
from telegrad.training.draws import draw_shell

NETWORKS = {"resnet": ResNet, "unet": UNet}
FINEST_BATCH = 16
CHANNELS = {"resnet": 32, "unet": 32}


def forget(cache_dir: Path) -> None:
    """Tells the system that the cache's pages need not stay in memory."""
    for file in cache_dir.rglob("*.bin"):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def seconds_in_turn(
    ways: dict[str, Callable[[], object]], repetitions: int
) -> dict[str, list[float]]:
    """Of every call but the first two, which warm up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions + 2):
        for name, function in ways.items():
            started = time.perf_counter()
            function()
            found[name].append(time.perf_counter() - started)
    return {name: seconds[2:] for name, seconds in found.items()}


def delivering(pyramid: Pyramid, task: Task, level: int, number: int) -> Callable[[], Draw]:
    """A function that takes the next draws of a level, as the training loop does."""
    stream, noise = CropStream(pyramid, 0), torch.Generator().manual_seed(0)

    def deliver() -> Draw:
        (crops,) = stream.take([number], level)
        draw = draw_shell("cpu", task, crops, noise)
        assert draw is not None
        return draw

    return deliver


def training(network_name: str, task: PaperDenoising, draw: Draw) -> Callable[[], None]:
    torch.manual_seed(0)
    network = NETWORKS[network_name](channels=CHANNELS[network_name])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def train() -> None:
        network.zero_grad(set_to_none=True)
        task.losses(network, draw).mean().backward()

    return train


def cold_seconds(
    build: Callable[[], Pyramid], cache_dir: str, task: Task, level: int, number: int
) -> float:
    """Of one delivery from a cache none of whose pages is in memory."""
    forget(Path(cache_dir))
    deliver = delivering(build(), task, level, number)
    started = time.perf_counter()
    deliver()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True, help="folder of photographs")
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()

    task = PaperDenoising()
    grids = GridHierarchy((options.img_size, options.img_size), levels=4)
    source = Folder(path=str(options.data_dir)).source()
    name = Path(options.data_dir).name
    rows, reading = [], {}
    with tempfile.TemporaryDirectory() as cache_dir:

        def built(memory: float) -> Pyramid:
            return build_pyramid(source.train, grids, memory=memory, cache_dir=cache_dir)

        for what, memory in (("memory", 2**50), ("new", 0), ("found", 0)):
            started = time.perf_counter()
            pyramid = built(memory)
            reading[what] = time.perf_counter() - started
        mebibytes = pyramid.images.nbytes / 2**20  # type: ignore[attr-defined]
        del pyramid  # pages that are mapped are not forgotten

        for network, channels in CHANNELS.items():
            for level in reversed(range(grids.levels)):
                number = FINEST_BATCH * 2 ** (grids.levels - 1 - level)
                memory_way, cache_way = (
                    delivering(built(memory), task, level, number) for memory in (2**50, 0)
                )
                seconds = seconds_in_turn(
                    {
                        "train": training(network, task, memory_way()),
                        "memory": memory_way,
                        "cache": cache_way,
                    },
                    options.repetitions,
                )
                del cache_way
                seconds["disk"] = [
                    cold_seconds(lambda: built(0), cache_dir, task, level, number)
                    for _ in range(options.repetitions)
                ]
                rate = {way: number / statistics.median(s) for way, s in seconds.items()}
                delivered = [
                    f"{rate[way]:,.0f} ({rate[way] / rate['train']:.0f}×)"
                    for way in ("memory", "cache", "disk")
                ]
                size = "×".join(map(str, grids.shape(level)))
                first = [f"{network} {channels}", level, size, f"{rate['train']:,.0f}"]
                rows.append([*first, *delivered])
                print(rows[-1], flush=True)
    columns = ["network", "level", "crops", "training, images/s", "memory", "cache", "disk"]
    body = (
        f"{len(source.train)} photographs of {name}, {mebibytes:,.0f} MiB on {grids.levels} "
        f"levels; denoising, {FINEST_BATCH} crops on the finest level and twice as many on each "
        f"coarser one; {torch.get_num_threads()} threads; medians of {options.repetitions}. Images "
        f"a second that training takes and that the stream alone delivers: from memory, from the "
        f"cache with its pages in memory, and from disk; in brackets how many times as many as "
        f"training takes.\n\n"
        f"All images were read into memory in {reading['memory']:.2f} s, into a new cache in "
        f"{reading['new']:.2f} s; the cache was found again in {1e3 * reading['found']:.0f} ms.\n\n"
        + as_markdown(columns, rows)
    )
    publish(f"stream_{name}", "The stream of crops against training", body, [0])


if __name__ == "__main__":
    main()
