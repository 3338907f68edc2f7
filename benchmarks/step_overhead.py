"""What the library adds to a step: against a bare PyTorch loop that makes the same passes.

    python benchmarks/step_overhead.py

Three ways to make the same step are timed in turn, over and over, and compared pair by pair:

- bare: the passes written out by hand on draws that lie ready, then Adam;
- gradient: `multiscale_backward` on the same draws, then Adam;
- loop: the whole of `training.loop.train`: crops, noise, Fabric, gradient, Adam, logs.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from table import as_markdown, publish
from tqdm import tqdm

from telegrad import GridHierarchy, Shells, multiscale_backward, restrict
from telegrad.data import Photographs
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.weights import nested_weights, shell_sizes
from telegrad.networks import ResNet, UNet
from telegrad.records import Records, RunDirectory
from telegrad.schedules import LearningRate, Schedule, Stage
from telegrad.tasks import Objective, PaperDenoising
from telegrad.training.loop import take_step
from telegrad.training.state import Progress, TrainingState

NETWORKS = {"resnet": ResNet, "unet": UNet}


def steps_of(
    network_name: str, channels: int, size: int, batch_sizes: tuple[int, ...], steps: int
) -> dict[str, list[float]]:
    """Seconds of every timed step of the three ways, which take turns."""
    task = PaperDenoising()
    grids = GridHierarchy((size, size), len(batch_sizes))
    pyramid = build_pyramid(Photographs().source().train, grids)
    torch.manual_seed(0)
    network = NETWORKS[network_name](channels=channels)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)

    noise = torch.Generator().manual_seed(0)
    crops = CropStream(pyramid, 0).take(shell_sizes(batch_sizes))
    shells = Shells([task.draw(**task.images(c), generator=noise) for c in crops if c is not None])

    def bare() -> None:
        adam.zero_grad(set_to_none=True)
        carried: dict[str, torch.Tensor] = {}
        for level in reversed(range(grids.levels)):
            n_finer = batch_sizes[level + 1] if level + 1 < grids.levels else 0
            shell = shells.parts[level]
            if carried:
                carried = restrict(carried, task.rules)
                carried = {k: torch.cat([carried[k], shell[k]]) for k in shell}
            else:
                carried = shell
            t = carried["time"][:, None, None, None]
            x_t = (1 - t) * carried["clean"] + t * carried["noise"]
            losses = (network(x_t, carried["time"]) - carried["clean"]).square().mean((1, 2, 3))
            of_carried, of_shell = nested_weights(batch_sizes)[level]
            (of_carried * losses[:n_finer].sum() + of_shell * losses[n_finer:].sum()).backward()
        adam.step()

    def gradient() -> None:
        adam.zero_grad(set_to_none=True)
        multiscale_backward(
            lambda draw: task.losses(network, draw),
            shells,
            grids,
            batch_sizes,
            restriction=task.rules,
        )
        adam.step()

    seconds: dict[str, list[float]] = {"bare": [], "gradient": [], "loop": []}
    with whole_loop(network, adam, task, grids, pyramid, batch_sizes) as loop:
        ways: dict[str, Callable[[], None]] = {"bare": bare, "gradient": gradient, "loop": loop}
        for step in range(steps + 3):
            for way, function in ways.items():
                started = time.perf_counter()
                function()
                if step >= 3:  # the first ones warm up
                    seconds[way].append(time.perf_counter() - started)
    return seconds


class whole_loop:  # noqa: N801 — used like a function
    """One step of the training loop with all that belongs to it: crops, noise, logs."""

    def __init__(self, network, adam, task, grids, pyramid, batch_sizes) -> None:  # type: ignore[no-untyped-def]
        self.folder = tempfile.TemporaryDirectory()
        fabric = Fabric(accelerator="cpu", devices=1)
        model, optimizer = fabric.setup(network, adam)
        schedule = Schedule(grids, (Stage(10**6, grids.levels - 1, batch_sizes),))
        self.records = Records(RunDirectory(self.folder.name, "overhead"), {}, overwrite=False)
        constant = LearningRate(adam.param_groups[0]["lr"], lowest=adam.param_groups[0]["lr"])
        bar = tqdm(total=schedule.work_units, file=io.StringIO())
        stream = CropStream(pyramid, 0)
        state = TrainingState(model, optimizer, constant, schedule, stream, Progress())
        objective = Objective(task)

        def one_step() -> None:
            loss = take_step(fabric, state, objective, self.records)
            self.records.trained(state.progress.iteration, loss, state.progress.seconds)
            bar.update(schedule.step_cost(schedule.stages[0]))

        self.one_step = one_step

    def __enter__(self) -> Callable[[], None]:
        return self.one_step

    def __exit__(self, *error: object) -> None:
        self.records.__exit__(*error)
        self.folder.cleanup()


CASES = [
    ("resnet", 32, 64, (16,)),
    ("resnet", 32, 64, (128, 64, 32, 16)),
    ("resnet", 32, 64, (16, 8, 4, 2)),
    ("resnet", 128, 64, (16,)),
    ("unet", 32, 64, (16,)),
    ("unet", 32, 64, (128, 64, 32, 16)),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=15, help="timed steps of each way")
    options = parser.parse_args()
    rows = []
    for network, channels, size, batch_sizes in CASES:
        seconds = steps_of(network, channels, size, batch_sizes, options.repetitions)
        bare = statistics.median(seconds["bare"])

        def ratio(way: str, seconds: dict[str, list[float]] = seconds) -> str:
            pairs = zip(seconds[way], seconds["bare"], strict=True)
            return f"{statistics.median(a / b for a, b in pairs):.3f}"

        mode = "single" if len(batch_sizes) == 1 else "multiscale"
        sizes = "/".join(map(str, batch_sizes))
        name = f"{network} {channels}"
        rows.append([name, mode, sizes, f"{1e3 * bare:.0f}", ratio("gradient"), ratio("loop")])
        print(rows[-1], flush=True)
    columns = ["network", "mode", "batch sizes", "bare step, ms", "gradient / bare", "loop / bare"]
    body = (
        "64×64 crops of the built-in photographs. Ratios are medians over "
        f"{options.repetitions} steps, each compared with the bare step beside it.\n\n"
        + as_markdown(columns, rows)
    )
    publish("step_overhead", "What the library adds to a step", body, [0])


if __name__ == "__main__":
    main()
