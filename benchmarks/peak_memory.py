"""Peak memory of a multiscale step against its largest level alone.

    python benchmarks/peak_memory.py

Each case runs in a process of its own, since a process's peak never falls. The rise of the peak
over what the process held before its first step is compared, in two ways: with the C allocator told
to give freed blocks back at once, which shows what the tensors need, and as it is by default, when
it keeps freed blocks of one level's sizes that fit no tensor of the next.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics

import torch
from table import as_markdown, publish

from telegrad import GridHierarchy, multiscale_backward, restrict
from telegrad.networks import ResNet, UNet

NETWORKS = {"resnet": ResNet, "unet": UNet}
SIZE, BATCH_SIZES = 128, (128, 64, 32, 16)


def peak_of(case: str, network_name: str, channels: int, answer) -> None:  # type: ignore[no-untyped-def]
    """Rise of this process's peak over a few steps, in MiB."""
    torch.manual_seed(0)
    network = NETWORKS[network_name](channels=channels)
    grids = GridHierarchy((SIZE, SIZE), len(BATCH_SIZES))
    images = torch.rand(BATCH_SIZES[0], 3, SIZE, SIZE)
    times = torch.rand(BATCH_SIZES[0])

    def losses(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return (network(*batch) - batch[0].flip(-1)).square().mean((1, 2, 3))

    def multiscale() -> None:
        multiscale_backward(losses, (images, times), grids, BATCH_SIZES)

    def one_level(level: int) -> None:
        n = BATCH_SIZES[level]
        batch = (images[:n], times[:n])
        for _ in range(grids.levels - 1 - level):
            batch = restrict(batch)
        losses(batch).mean().backward()

    def summed() -> None:
        batch, total = (images, times), torch.zeros(())
        for level in reversed(range(grids.levels)):
            n = BATCH_SIZES[level]
            total = total + losses((batch[0][:n], batch[1][:n])).mean()
            batch = restrict(batch) if level else batch
        total.backward()

    small = (images[:1, :, :8, :8], times[:1])
    losses(small).mean().backward()  # gradients and the libraries' own buffers
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        if case == "multiscale":
            multiscale()
        elif case == "summed":
            summed()
        else:
            one_level(int(case))
    answer.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def measure(case: str, network: str, channels: int, gives_back: bool) -> float:
    os.environ.pop("MALLOC_MMAP_THRESHOLD_", None)
    if gives_back:  # glibc: blocks above this size are mapped, and unmapped when freed
        os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=peak_of, args=(case, network, channels, answer))
    process.start()
    peak = answer.get()
    process.join()
    return peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for network, channels in (("resnet", 32), ("unet", 16)):
        cases = [*map(str, range(len(BATCH_SIZES))), "multiscale", "summed"]
        peaks, by_default = (
            {
                case: statistics.median(
                    measure(case, network, channels, gives_back) for _ in range(options.repetitions)
                )
                for case in cases
            }
            for gives_back in (True, False)
        )
        largest = max(peaks[str(level)] for level in range(len(BATCH_SIZES)))
        for case in cases:
            name = {
                "multiscale": "multiscale step, one backward a level (ours)",
                "summed": "losses of all levels summed, one backward",
            }.get(case, f"level {case} alone")
            ratio = f"{peaks[case] / largest:.3f}"
            default = f"{by_default[case]:.0f}"
            rows.append([f"{network} {channels}", name, f"{peaks[case]:.0f}", ratio, default])
            print(rows[-1], flush=True)
    body = (
        f"{SIZE}×{SIZE}, batch sizes {'/'.join(map(str, BATCH_SIZES))}, nested form; median of "
        f"{options.repetitions} processes.\n\n"
        + as_markdown(
            ["network", "what", "peak, MiB", "of the largest level", "default allocator, MiB"], rows
        )
    )
    publish("peak_memory", "Peak memory of a step", body, [0])


if __name__ == "__main__":
    main()
