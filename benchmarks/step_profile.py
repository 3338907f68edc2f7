"""Where a step's time goes, in per cent of it.

    python benchmarks/step_profile.py

Steps of the training loop as `telegrad train` makes them, with a watch around each of its parts.
A part that is called within another stops the other's watch, so that the parts add up to the step.
(The name keeps clear of the standard library's `profile`.)
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch
from table import as_markdown, publish

from telegrad.data.stream import CropStream
from telegrad.mge import estimator
from telegrad.records import Records
from telegrad.runs import Config
from telegrad.runs.build import build_records
from telegrad.runs.compose import compose
from telegrad.runs.running import Prepared, prepare
from telegrad.training import loop

PARTS = {
    "crops": "crops taken from the images",
    "noise": "pixels to floating point, noise and times",
    "restrict": "draws carried to the coarser levels",
    "forward": "corruption, network, loss",
    "backward": "",
    "optimizer": "Adam, and gradients set to none",
    "norm": "norm of the gradient, and waiting for it and the loss",
    "logs": "row of the table of steps, progress bar left out",
    "rest": "everything else",
}


class Watch:
    """Seconds of each part; only the innermost part's time runs."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._open = ["rest"]
        self._since = time.perf_counter()

    def _change(self) -> None:
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._change()
        self._open.append(name)
        try:
            yield
        finally:
            self._change()
            self._open.pop()

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*arguments, **named)

        return watched

    def read(self) -> dict[str, float]:
        """The seconds until now; the watch begins anew."""
        self._change()
        found, self.seconds = self.seconds, dict.fromkeys(PARTS, 0.0)
        return found


@contextmanager
def watched(watch: Watch, prepared: Prepared, records: Records) -> Iterator[None]:
    """Inside, every part of a step is under the watch."""
    kind = type(prepared.objective.task)
    places: list[tuple[str, Any, str]] = [
        ("crops", CropStream, "take"),
        ("noise", kind, "images"),
        ("noise", kind, "draw"),
        ("restrict", estimator, "restrict"),
        ("forward", kind, "losses"),
        ("backward", prepared.fabric, "backward"),
        ("optimizer", prepared.state.optimizer, "step"),
        ("optimizer", prepared.state.optimizer, "zero_grad"),
        ("norm", loop, "gradient_norm"),
        ("logs", records, "trained"),
    ]
    with ExitStack() as stack:
        for name, owner, function in places:
            around = watch.around(name, getattr(owner, function))
            stack.enter_context(patch.object(owner, function, around))
        yield


def profile(config: Config, steps: int) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """For each stage its batch sizes, and the seconds of all parts of so many steps."""
    prepared = prepare(config)
    state, whole = prepared.state, prepared.state.schedule
    state.network.train()
    with build_records(config, state, False, prepared.inputs) as records:
        for stage in whole.stages:
            state.schedule = replace(whole, stages=(replace(stage, steps=10**6),))
            watch, found = Watch(), []
            with watched(watch, prepared, records):
                for _ in range(steps + 2):
                    loss = loop.take_step(prepared.fabric, state, prepared.objective, records)
                    records.trained(state.progress.iteration, loss, state.progress.seconds)
                    found.append(watch.read())
            sizes = "/".join(map(str, stage.batch_sizes))
            yield f"{sizes} on {stage.coarsest}..{stage.finest}", found[2:]  # two warm up


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each stage")
    parser.add_argument("--networks", nargs="+", default=["resnet", "unet"])
    parser.add_argument("--channels", type=int, default=32)
    options = parser.parse_args()
    rows = []
    for network in options.networks:
        for mode in ("single", "multiscale", "cascadic"):
            with tempfile.TemporaryDirectory() as results:
                config = compose(
                    {
                        "strategy": mode,
                        "network": network,
                        "network.channels": options.channels,
                        "device": "cpu",
                        "out": results,
                    }
                )
                for batches, steps in profile(config, options.steps):
                    median = {part: statistics.median(s[part] for s in steps) for part in PARTS}
                    total = sum(median.values())
                    shares = [f"{100 * median[part] / total:.1f}" for part in PARTS]
                    name = f"{network} {options.channels}"
                    rows.append([name, mode, batches, f"{1e3 * total:.0f}", *shares])
                    print(rows[-1], flush=True)
    legend = "; ".join(f"{part}: {what}" for part, what in PARTS.items() if what)
    body = (
        f"Denoising, 64×64 crops of the built-in photographs, {torch.get_num_threads()} threads; "
        f"medians of {options.steps} steps of each stage, in per cent of the step. {legend}.\n\n"
        + as_markdown(["network", "mode", "batch sizes", "step, ms", *PARTS], rows)
    )
    publish("step_profile", "Where a step's time goes", body, [42])


if __name__ == "__main__":
    main()
