"""Cost against resolution: seconds, work units and memory of a multiscale step, 64 to 512 pixels.

    python benchmarks/scaling.py sizes       # every level of every size
    python benchmarks/scaling.py variants    # bfloat16, memory format, torch.compile

A work unit is a forward and backward pass of one image on the finest level. It is an honest
currency while a work unit of a coarse level takes no longer than one of the finest: the ratio of
the two is what is asked about, and 1.25 is what is hoped for on a CPU. Each case runs in a process
of its own, since a process's peak of memory never falls.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from table import as_markdown, publish

from telegrad import GridHierarchy, Shells, geometric_batch_sizes, multiscale_backward
from telegrad.mge.weights import shell_sizes
from telegrad.networks import ResNet, UNet
from telegrad.runs.running import compile_every_shape
from telegrad.tasks import Draw, PaperDenoising

NETWORKS = {"resnet": ResNet, "unet": UNet}
COARSEST = 16
FINEST_BATCH = 2
CHANNELS = {"resnet": 32, "unet": 16}


@dataclass(frozen=True)
class Case:
    """One network at one size, in one manner of computing."""

    network: str
    size: int
    repetitions: int
    precision: str = "32-true"
    channels_last: bool = True
    compiled: bool = False

    @property
    def grids(self) -> GridHierarchy:
        levels = (self.size // COARSEST).bit_length()
        return GridHierarchy((self.size, self.size), levels)

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        return geometric_batch_sizes(self.grids.levels, FINEST_BATCH, ratio=2)


@dataclass(frozen=True)
class Cost:
    """What a case takes: seconds of a pass over each level's batch, and of a step of all levels.

    `first` is the seconds until every shape was seen once, `rise` the step's rise of the process's
    peak memory in MiB, `rise_finest` that of the finest level alone.
    """

    passes: list[float]
    step: float
    first: float
    rise: float
    rise_finest: float


def measure(case: Case) -> Cost:
    """In this process, which must be new."""
    task, grids, sizes = PaperDenoising(), case.grids, case.batch_sizes
    memory_format = torch.channels_last if case.channels_last else torch.contiguous_format
    torch.manual_seed(0)
    network = NETWORKS[case.network](channels=CHANNELS[case.network])
    network.to(memory_format=memory_format)  # type: ignore[call-overload]
    if case.compiled:
        compile_every_shape(network)
    fabric = Fabric(accelerator="cpu", devices=1, precision=case.precision)  # type: ignore[arg-type]
    model, adam = fabric.setup(network, torch.optim.Adam(network.parameters(), lr=1e-4))
    noise = torch.Generator().manual_seed(0)

    def draw(number: int, level: int) -> Draw:
        clean = torch.rand(number, 3, *grids.shape(level), generator=noise)
        return task.draw(clean.to(memory_format=memory_format), generator=noise)

    draws = [draw(n, level) for level, n in enumerate(sizes)]
    shells = Shells([draw(n, level) for level, n in enumerate(shell_sizes(sizes))])

    def one_level(level: int) -> None:
        adam.zero_grad(set_to_none=True)
        fabric.backward(task.losses(model, draws[level]).mean())

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        multiscale_backward(
            lambda draw: task.losses(model, draw),
            shells,
            grids,
            sizes,
            restriction=task.rules,
            backward=fabric.backward,
        )
        adam.step()

    one_level(0)  # gradients, and the libraries' own buffers
    held, started = peak(), time.perf_counter()
    one_level(grids.levels - 1)
    rise_finest = peak() - held
    step()
    first = time.perf_counter() - started
    rise = peak() - held
    passes = [
        median_seconds(lambda level=level: one_level(level), case.repetitions)
        for level in range(grids.levels)
    ]
    return Cost(passes, median_seconds(step, case.repetitions), first, rise, rise_finest)


def peak() -> float:
    """Of this process until now, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median_seconds(function: Callable[[], object], repetitions: int) -> float:
    """Of so many calls after one that warms up."""
    seconds = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def in_its_own_process(case: Case) -> Cost | Exception:
    """What `measure` finds, or what stopped it."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        try:
            return pool.apply(measure, (case,))
        except Exception as error:  # a variant that does not work here is told in the table
            return error


def per_work_unit(case: Case, cost: Cost) -> list[float]:
    """Seconds per work unit on each level."""
    return [
        seconds / (n * case.grids.cost(level))
        for level, (n, seconds) in enumerate(zip(case.batch_sizes, cost.passes, strict=True))
    ]


def work_units_of_step(case: Case) -> float:
    return sum(n * case.grids.cost(level) for level, n in enumerate(case.batch_sizes))


def sizes_table(options: argparse.Namespace) -> None:
    of_levels, of_steps = [], []
    for network, channels in CHANNELS.items():
        for size in options.sizes:
            case = Case(network, size, options.repetitions)
            cost = in_its_own_process(case)
            if isinstance(cost, Exception):
                raise cost
            name, unit = f"{network} {channels}", per_work_unit(case, cost)
            for level in reversed(range(case.grids.levels)):
                n, grid_cost = case.batch_sizes[level], case.grids.cost(level)
                ms = 1e3 * cost.passes[level] / n
                ratio = f"{unit[level] / unit[-1]:.2f}"
                row = [name, size, level, f"{size >> (case.grids.levels - 1 - level)}", n]
                of_levels.append([*row, f"{ms:.3g}", f"{grid_cost:.3g}", ratio])
            work = work_units_of_step(case)
            of_steps.append(
                [
                    *(name, size, "/".join(map(str, case.batch_sizes)), f"{work:.3g}"),
                    *(f"{cost.step:.3g}", f"{cost.step / work:.3g}"),
                    f"{cost.step / work / unit[-1]:.2f}",
                    *(f"{cost.rise:.0f}", f"{cost.rise / cost.rise_finest:.2f}"),
                ]
            )
            print(of_steps[-1], *of_levels[-case.grids.levels :], sep="\n", flush=True)
    level_columns = [
        *("network", "img_size", "level", "pixels", "batch"),
        *("ms an image", "WU an image", "s per WU / finest"),
    ]
    step_columns = [
        *("network", "img_size", "batch sizes", "WU a step", "s a step", "s per WU"),
        *("s per WU / finest pass", "memory, MiB", "memory / finest pass"),
    ]
    body = (
        f"Denoising, nested form, Adam, channels-last memory, {torch.get_num_threads()} threads; "
        f"levels down to {COARSEST}×{COARSEST}; medians of {options.repetitions}. Memory is the "
        f"rise of the process's peak in the first step.\n\n## Steps\n\n"
        f"{as_markdown(step_columns, of_steps)}\n\n## Levels\n\n"
        f"{as_markdown(level_columns, of_levels)}"
    )
    publish("scaling_sizes", "Cost against resolution", body, [0])


VARIANTS: dict[str, dict[str, Any]] = {
    "channels last (the default)": {},
    "channels first": {"channels_last": False},
    "bf16-mixed": {"precision": "bf16-mixed"},
    "bf16-mixed, channels first": {"precision": "bf16-mixed", "channels_last": False},
    "compile": {"compiled": True},
    "compile, bf16-mixed": {"compiled": True, "precision": "bf16-mixed"},
}


def variants_table(options: argparse.Namespace) -> None:
    rows = []
    for network, channels in CHANNELS.items():
        reference = None
        for name, changes in VARIANTS.items():
            case = Case(network, options.size, options.repetitions, **changes)
            cost = in_its_own_process(case)
            first = [f"{network} {channels}", name]
            if isinstance(cost, Exception):
                rows.append([*first, f"fails: {type(cost).__name__}", *[""] * 4])
            else:
                reference = reference or cost.step
                unit = per_work_unit(case, cost)
                rows.append(
                    [
                        *first,
                        f"{1e3 * cost.step:.0f}",
                        f"{reference / cost.step:.2f}",
                        f"{max(unit) / unit[-1]:.2f}",
                        f"{cost.rise:.0f}",
                        f"{cost.first:.1f}",
                    ]
                )
            print(rows[-1], flush=True)
    columns = [
        *("network", "variant", "ms a step", "times as fast"),
        *("s per WU, worst level / finest", "memory, MiB", "s until all shapes were seen"),
    ]
    case = Case("resnet", options.size, options.repetitions)
    body = (
        f"{options.size}×{options.size}, batch sizes {'/'.join(map(str, case.batch_sizes))}, "
        f"nested form, {torch.get_num_threads()} threads; bfloat16 instructions of the processor: "
        f"{', '.join(bfloat16_instructions()) or 'none'}; medians of {options.repetitions}.\n\n"
        + as_markdown(columns, rows)
    )
    publish("scaling_variants", "Precision, memory format, compilation", body, [0])


def bfloat16_instructions() -> list[str]:
    """As the system names them; none where it does not tell."""
    information = Path("/proc/cpuinfo")
    flags = information.read_text().split() if information.exists() else []
    return [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["sizes", "variants"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--size", type=int, default=128, help="of the variants")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    {"sizes": sizes_table, "variants": variants_table}[options.part](options)


if __name__ == "__main__":
    main()
