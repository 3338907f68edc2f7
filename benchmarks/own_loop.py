"""Does a loop of one's own come to what the program comes to, on the same schedule?

    python benchmarks/own_loop.py

The program trains a ResNet to denoise the built-in photographs, by `auto`. Beside it a loop as a
user writes it, on the same schedule: a dataset class of a few lines, the network, a loss and Adam,
with worker processes; stopped in the middle of a stage and gone on with in another loader; and the
same from a pyramid. Each ends with the quality of its last weights on the
program's validation crops. Order, crops and noise are each loop's own, so that only the means of
several seeds are to agree.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from table import as_markdown, publish
from torch import Tensor
from torch.utils.data import Dataset

from telegrad import ScheduledLoader, WorkLR
from telegrad.data import image_pyramid
from telegrad.loading import constant_then_linear
from telegrad.networks import ResNet
from telegrad.runs.build import build_objective, build_schedule, build_validation
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.running import carry_on, prepare
from telegrad.training.validation import Validation

T_MAX, CHANNELS, RATE, DECAY = 0.5, 16, 3e-3, 0.3


class Photos(Dataset[Tensor]):
    """A stranger's dataset: whole images in [−1, 1], mirrored half of the time."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, k: int) -> Tensor:
        with Image.open(self.files[k]) as image:
            pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
            image_of = pixels.view(image.height, image.width, 3).permute(2, 0, 1) / 127.5 - 1
        return image_of.flip(-1) if torch.rand(()) < 0.5 else image_of


def config_of(options: argparse.Namespace, seed: int, out: str) -> Config:
    return compose(
        {
            "task": "paper_denoising",
            "task.t_max": T_MAX,
            "strategy": "auto",
            "network": "ResNet",
            "network.channels": CHANNELS,
            "size": options.size,
            "levels": 4,
            "work_units": options.work_units,
            "optimizer.lr": RATE,
            "strategy.decay": DECAY,
            "validation.times": 20,
            "validation.images": 32,
            "device": "cpu",
            "seed": seed,
            "out": out,
        }
    )


def program(config: Config) -> tuple[float, float]:
    """Loss of the program's last weights, and seconds of its steps."""
    prepared = prepare(config)
    report = carry_on(prepared, resume=False)
    loss = prepared.validation.evaluate(prepared.state.network).loss
    return loss, report.progress.seconds


def own_loop(
    config: Config, validation: Validation, dataset: Any, seed: int, scaled: bool, workers: int
) -> tuple[float, float]:
    """As a user writes it; left in the middle of a stage, and gone on with by another loader."""
    torch.manual_seed(seed)
    network = ResNet(CHANNELS)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    learning_rate = WorkLR(optimizer, constant_then_linear(DECAY))

    def losses(batch: Any) -> Tensor:  # on any level: one loss per sample, shape (n,)
        clean = batch if scaled else 2 * batch["clean"] - 1
        t = T_MAX * torch.rand(len(clean))
        of_image = t.view(-1, 1, 1, 1)
        noisy = (1 - of_image) * clean + of_image * torch.randn_like(clean)
        return (network(noisy, t) - clean).square().mean((1, 2, 3))

    def loader() -> ScheduledLoader:
        return ScheduledLoader(dataset, build_schedule(config), seed=seed, num_workers=workers)

    interval, seconds, loop = config_interval(config), 0.0, loader()
    stop_at: int | None = loop.schedule.lengths[0] // 2
    spent, started, going = 0.0, time.perf_counter(), True
    while going:
        going = False
        for step in loop:
            optimizer.zero_grad(set_to_none=True)
            step.backward(losses)
            optimizer.step()
            learning_rate.step(step)
            before, spent = spent, spent + step.work_units
            if before // interval != spent // interval:
                seconds += time.perf_counter() - started
                loop.report(validation.evaluate(network).loss)
                started = time.perf_counter()
            if step.number == stop_at:
                stop_at, state = None, loop.state_dict()
                loop, going = loader(), True
                loop.load_state_dict(state)
                break
    seconds += time.perf_counter() - started
    return validation.evaluate(network).loss, seconds


def config_interval(config: Config) -> float:
    return build_schedule(config).work_units / config.validations


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--work_units", type=float, default=300)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = "program", "own loop, files", "own loop, pyramid"
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as directory:
        for seed in options.seeds:
            config = config_of(options, seed, f"{directory}/{seed}")
            source = config.build_data().source()
            files = []
            for k, image in enumerate(source.train):
                files.append(Path(directory) / f"{k:03}.png")
                Image.fromarray(image.open()).save(files[-1])
            cpu = torch.device("cpu")
            validation = build_validation(config, build_objective(config), source.val, cpu)
            results["program"].append(program(config))
            more = {"seed": seed, "workers": options.workers}
            results["own loop, files"].append(
                own_loop(config, validation, Photos(files), scaled=True, **more)
            )
            grids = build_schedule(config).grids
            pyramid = image_pyramid(files, grids, mirror=True, progress=False)
            results["own loop, pyramid"].append(
                own_loop(config, validation, pyramid, scaled=False, **(more | {"workers": 0}))
            )
    rows = []
    first = [loss for loss, _ in results["program"]]
    for name, of_name in results.items():
        losses, seconds = zip(*of_name, strict=True)
        ratios = [a / b for a, b in zip(losses, first, strict=True)]
        error = statistics.stdev(losses) / len(losses) ** 0.5 if len(losses) > 1 else 0.0
        rows.append(
            (
                name,
                f"{statistics.mean(losses):.5f} ± {error:.5f}",
                f"{statistics.mean(ratios):.3f}",
                f"{statistics.median(seconds):.1f}",
            )
        )
    body = (
        f"Denoising (t ≤ {T_MAX}) of the built-in photographs, crops of {options.size}, ResNet of "
        f"{CHANNELS} channels, `auto` on 4 levels, {options.work_units:g} work units, one thread; "
        f"the own loop from files with {options.workers} workers, stopped once in the middle of "
        f"the first stage. Validation MSE of the last weights, mean and standard error over seeds; "
        f"its ratio to the program's; seconds of training, reading included.\n\n"
        f"{as_markdown(('who', 'validation MSE', 'to program', 'seconds'), rows)}"
    )
    publish("own_loop", "A loop of one's own beside the program", body, options.seeds)


if __name__ == "__main__":
    main()
