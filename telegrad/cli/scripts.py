"""The four training scripts at the root: the same runs as `telegrad train`, by fewer options."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from jsonargparse import ArgumentParser, Namespace

from telegrad.cli.guard import guarded
from telegrad.cli.summary import summary
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.running import run

MODES = ("single", "multiscale", "fullmultiscale")


@dataclass(frozen=True)
class Script:
    """One task's script, with the paper's configuration.

    Batches of 16 on the finest level and twice as many on each coarser one, over 4 levels; Adam
    with one cosine; 2,000 steps, or 2000, 1000, 500, 250 for full multiscale.

    Args:
        task: what is undone.
        networks, datasets: the choices; the first of each is the default.
        learning_rate: of Adam.
    """

    task: str
    networks: tuple[str, ...]
    datasets: tuple[str, ...]
    learning_rate: float = 5e-4

    def main(self, arguments: list[str] | None = None) -> int:
        """Runs the script; returns the exit code: 0, 1 for a failed run, 2 for wrong input."""
        options = self.parser().parse_args(arguments)
        return guarded(f"train_{self.task}.py", lambda: self._train(options))

    def _train(self, options: Namespace) -> int:
        config = self.config(options)
        print(summary(config, run(config, resume=options.resume)))
        return 0

    def config(self, options: Namespace) -> Config:
        """The run of the script's options."""
        names = {"dataset": "data", "mode": "strategy", "iterations": "steps", "img_size": "size",
                 "results_dir": "out", "data_dir": "data.path"}  # fmt: skip
        chosen = {
            names.get(name, name): value
            for name, value in options.items()
            if value is not None and name not in ("device_id", "resume")
        }
        for name in ("patch_size", "train_patches", "test_patches"):
            if name in chosen:
                chosen[f"data.{name}"] = chosen.pop(name)
        own = {
            "task": f"paper_{self.task}",
            "device": device_of(options.device_id),
            "learning_rate": self.learning_rate,
        }
        return compose({**own, **chosen})

    def parser(self) -> ArgumentParser:
        parser = ArgumentParser(prog=f"train_{self.task}.py", description=f"Train {self.task}.")

        def add(name: str, kind: Any, default: Any, meaning: str) -> None:
            parser.add_argument(f"--{name}", type=kind, default=default, help=meaning)

        def choose(name: str, choices: tuple[str, ...], meaning: str) -> None:
            parser.add_argument(f"--{name}", choices=choices, default=choices[0], help=meaning)

        choose("mode", MODES, "of training")
        choose("network", self.networks, "with the paper's configuration")
        choose("dataset", self.datasets, "to train and validate on")
        add("run_id", int, 1, "distinguishes runs of one configuration")
        add("device_id", int, 0, "of the GPU; -1 is the CPU, which also serves where no GPU is")
        add("seed", int, 42, "of crops, noise and weights")
        if "urban100" in self.datasets:
            add("patch_size", int, 64, "of the low-resolution patches, in pixels")
            add("train_patches", int, 10, "of each image")
            add("test_patches", int, 2, "of each image")
        add("data_dir", str | None, None, "where data lies; else TELEGRAD_DATA, else data")
        add("iterations", int | None, None, "in all, spread over the stages as in the paper")
        add("img_size", int | None, None, "of the crops on the finest level; else the images' own")
        add("batch_size", int | None, None, "on the finest level; 16 if not given")
        add("results_dir", str, "results", "logs, models and pictures go here")
        parser.add_argument("--resume", action="store_true", help="go on with a stopped run")
        return parser


def device_of(device_id: int) -> str:
    """The device of that number: a GPU, or the CPU for -1 and on machines without a GPU.

    Raises:
        ValueError: for a GPU that is not there, on a machine with others.
    """
    there = torch.cuda.device_count()
    if device_id < -1:
        raise ValueError(f"device_id={device_id}: needs the number of a GPU, or -1 for the CPU.")
    if device_id >= there > 0:
        raise ValueError(
            f"device_id={device_id}: this machine has {there} GPUs, 0 to {there - 1}; choose "
            f"one of them, or -1 for the CPU."
        )
    if device_id >= 0 and not there:
        print("No GPU on this machine: training on the CPU.", file=sys.stderr)
    return f"cuda:{device_id}" if 0 <= device_id < there else "cpu"
