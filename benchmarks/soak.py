"""Hundreds of kills and damaged files, a long run, what saving costs, and whether the time left is
foretold: the long version of the fault tests.

    python benchmarks/soak.py

Five parts, each with a file of results of its own; `--parts` chooses among them:

- kills: runs killed without warning (SIGKILL) at random instants and resumed until they end;
- damage: a state cut off, or with one byte altered, at many places;
- growth: memory and open files of one process over many steps and saves;
- saving: seconds of one save, as a share of a run;
- time: the duration that the progress bar foretells, against the one that comes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from quiet import quiet
from table import as_markdown, publish

from telegrad.records import Records
from telegrad.runs import Config, Runtime, build, run
from telegrad.runs.build import build_network, build_schedule
from telegrad.runs.compose import compose
from telegrad.training.checkpoint import (
    checksum,
    read_checkpoint,
    read_state,
    save_best,
    write_state,
)
from telegrad.training.forecast import ProgressBar

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import kills  # the short runs of tests/test_faults.py

MODES = ("single", "multiscale", "fullmultiscale", "cascadic", "auto", "race")


# --- kills ----------------------------------------------------------------------------------------


def survival(options: argparse.Namespace, folder: Path) -> str:
    """Runs killed at random instants, beside the same runs left alone."""
    rows = []
    for number, mode in enumerate(MODES):
        share = options.kills // len(MODES) + (number < options.kills % len(MODES))
        whole = kills.recipe(folder / mode / "whole", strategy=mode, ema=0.9)
        found = kills.kill_and_resume(whole, folder / mode, kills.some(mode), share)
        ended = [pair for pair in found if pair is not None]
        weights, wrong = zip(*ended, strict=True) if ended else ((), ())
        lost = len(found) - len(ended)
        rows.append([mode, share, len(ended), lost, sum(wrong), f"{max(weights, default=0.0):g}"])
        tell(rows[-1])
    columns = ["mode", "kills", "runs that ended", "runs lost", "rows lost or doubled"]
    return (
        "## Kills\n\n"
        "Runs of a second or two are killed (SIGKILL) at random instants and resumed until they "
        "end. Before each kill a second process tries to go on with the run, and is refused. Then "
        "weights (last and best, with their moving average) and logs are compared with those of "
        "the same run left alone.\n\n"
        + as_markdown([*columns, "largest difference in weights"], rows)
    )


# --- damage ---------------------------------------------------------------------------------------


def damage(options: argparse.Namespace, folder: Path) -> str:
    """What reading a run's last state gives, after it was cut off or altered at many places."""
    config = kills.recipe(folder, ema=0.9)
    run(config)
    last, previous = config.directory.last, config.directory.previous
    whole = last.read_bytes()
    of_last, of_previous = checksum(read_checkpoint(last)), checksum(read_checkpoint(previous))
    assert of_last != of_previous

    def outcome(content: bytes) -> str:
        last.write_bytes(content)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                found = checksum(read_state(last, previous))
        except Exception as error:
            return f"lost: {type(error).__name__}"
        if found == of_previous and told:
            return "recovered"
        return "harmless" if found == of_last else "lost: wrong content"

    def cut(at: int) -> bytes:
        return whole[:at]

    def altered(at: int) -> bytes:
        return whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]

    rows = []
    for what, damaged in {"cut off": cut, "one byte altered": altered}.items():
        places = [k * len(whole) // options.damages for k in range(options.damages)]
        found = [outcome(damaged(at)) for at in places]
        lost = sum(text.startswith("lost") for text in found)
        rows.append([what, len(found), found.count("recovered"), found.count("harmless"), lost])
        tell([*rows[-1], {text for text in found if text.startswith("lost")}])
    last.write_bytes(whole)
    columns = ["last.pt", "places", "noticed, state before it used", "content unharmed", "lost"]
    return (
        "## Damaged states\n\n"
        f"A `last.pt` of {len(whole):,} bytes, damaged at evenly spread places. Content is "
        "unharmed where the byte means nothing, such as padding between two tensors.\n\n"
        + as_markdown(columns, rows)
    )


# --- growth ---------------------------------------------------------------------------------------


def growth(options: argparse.Namespace, folder: Path) -> str:
    """Memory and open files of one process in the course of a long run."""
    config = compose(
        {
            "strategy": "FullMultiscale",
            "network": "ResNet",
            "network.channels": 8,
            "size": 16,
            "levels": 2,
            "batch_sizes": [4, 2],
            "steps": options.steps,
            "validation.images": 4,
            "save_every": 0.2,
            "device": "cpu",
            "out": str(folder),
        }
    )
    seen, saves = in_a_fresh_process(_observed, config)
    tell(seen)
    rows = [
        [f"{10 * k} %", f"{steps:,}", f"{memory:.1f}", files]
        for k, (steps, memory, files) in enumerate(seen, 1)
    ]
    more_memory, more_files = (seen[-1][k] - seen[1][k] for k in (1, 2))
    return (
        "## Memory and open files over a long run\n\n"
        f"Nested full multiscale training of a ResNet with 8 channels on 16×16 crops, "
        f"{options.steps:,} steps and {saves:,} saves in one process. Resident memory (VmRSS) and "
        f"file handles are read from Linux's /proc/self.\n\n"
        + as_markdown(["of the run", "steps", "memory, MiB", "open files"], rows)
        + f"\n\nGrowth from 20 % to 100 %: {more_memory:+.1f} MiB "
        f"({more_memory / seen[1][1]:+.1%}), {more_files:+d} files."
    )


def _observed(config: Config) -> tuple[list[tuple[int, float, int]], int]:
    """(steps, MiB, open files) after each tenth of a run, and the number of its saves."""
    steps = build_schedule(config).steps
    marks = {k * steps // 10 for k in range(1, 11)}
    seen, saves = [], []

    class Watched(Records):
        def trained(self, iteration: int, loss: float, seconds: float) -> None:
            super().trained(iteration, loss, seconds)
            if iteration in marks:
                seen.append((iteration, resident_memory(), open_files()))

    def counted(*arguments: object) -> None:
        saves.append(1)
        write_state(*arguments)  # type: ignore[arg-type]

    with (
        patch.object(build, "Records", Watched),
        quiet(),
        patch("telegrad.training.loop.write_state", counted),
    ):
        run(config)
    return seen, len(saves)


def resident_memory() -> float:
    """Of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmRSS; this part needs Linux.")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) - 1  # the listing itself is one


def in_a_fresh_process(function: Callable, *arguments: object):  # type: ignore[no-untyped-def]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


# --- saving ---------------------------------------------------------------------------------------

MINUTES_10, EVERY, VALIDATIONS = 600.0, Runtime().save_every, Config().validations


def saving(options: argparse.Namespace, folder: Path) -> str:
    """Seconds of one save of a run's state and of its best model."""
    rows = []
    for name, channels in (("resnet", 128), ("unet", 32)):
        config = compose(
            {
                "network": name,
                "network.channels": channels,
                "size": 32,
                "batch_size": 2,
                "steps": 2,
                "validation.images": 2,
                "device": "cpu",
                "out": str(folder),
            }
        )
        run(config)
        state = read_checkpoint(config.directory.last)
        network = build_network(config)
        adam = torch.optim.Adam(network.parameters())
        adam.load_state_dict(state["optimizer"])
        facts = {"level": 0, "crop": 64, "iteration": 1, "train_loss": 1.0, "valid_loss": 1.0}

        def best(network=network, adam=adam, facts=facts) -> None:  # type: ignore[no-untyped-def]
            files = folder / "best.pt", folder / "best.safetensors"
            save_best(*files, network, adam, configuration={}, **facts)

        states = folder / "last.pt", folder / "previous.pt"
        of_state = median_seconds(lambda state=state, to=states: write_state(*to, state))
        of_best = median_seconds(best)
        size = (folder / "last.pt").stat().st_size / 2**20
        in_10_minutes = VALIDATIONS * (of_state + of_best) / MINUTES_10
        rows.append(
            [
                f"{name} {channels}",
                f"{size:.1f}",
                f"{1e3 * of_state:.0f}",
                f"{1e3 * of_best:.0f}",
                f"{of_state / EVERY:.3%}",
                f"{in_10_minutes:.2%}",
                "yes" if max(of_state / EVERY, in_10_minutes) < 0.02 else "NO",
            ]
        )
        tell(rows[-1])
    columns = [
        "network",
        "last.pt, MiB",
        "state, ms",
        "best model, ms",
        f"share of {EVERY:g} s",
        "share of 10 minutes",
        "below 2 %",
    ]
    return (
        "## What saving costs\n\n"
        f"Medians of {REPEATS} saves, flushed to disk. A state is saved every {EVERY:g} s and "
        f"after validations; the last share but one is that of the first alone. A run of 10 "
        f"minutes with {VALIDATIONS} validations saves its state after each, and at most as often "
        f"its best model, which is what the last share counts.\n\n" + as_markdown(columns, rows)
    )


REPEATS = 15


def median_seconds(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


# --- time left ------------------------------------------------------------------------------------

FRACTIONS = (0.1, 0.2, 0.5)


def foretold(options: argparse.Namespace, folder: Path) -> str:
    """The whole duration that the progress bar foretells in the course of a run."""
    rows = []
    for network, channels in (("resnet", 32), ("unet", 16)):
        pilot: dict[str, Any] = {
            "strategy": "FullMultiscale",
            "network": network,
            "network.channels": channels,
            "work_units": 800.0,
            "device": "cpu",
            "overwrite": True,
            "out": str(folder),
        }
        duration = log_of_bar(compose(pilot))[-1][0]
        budget = round(800 * 60 * options.minutes / duration, -2)
        log = log_of_bar(compose({**pilot, "work_units": budget}))
        whole = log[-1][0]
        for k, fraction in enumerate(FRACTIONS):
            elapsed, left, by_work = next(entry for entry in log if entry[0] >= fraction * whole)
            error = (elapsed + left) / whole - 1
            rows.append(
                [
                    f"{network} {channels}" if k == 0 else "",
                    f"{whole:.0f}" if k == 0 else "",
                    f"{fraction:.0%}",
                    f"{elapsed + left:.0f}",
                    f"{error:+.1%}",
                    f"{by_work / whole - 1:+.1%}",
                    "yes" if abs(error) < 0.1 else "NO",
                ]
            )
            tell(rows[-1])
    columns = [
        "network",
        "true, s",
        "after",
        "foretold, s",
        "error",
        "by work alone",
        "within 10 %",
    ]
    return (
        "## Time left\n\n"
        "Full multiscale training with the default options (64×64 crops, four stages on levels 0, "
        "0..1, 0..2 and 0..3) for some minutes: what the progress bar foretells for the whole run, "
        "after a tenth, a fifth and half of the time it came to take. By work alone: the error of "
        "a forecast in which every work unit takes as long as those until then.\n\n"
        + as_markdown(columns, rows)
    )


def log_of_bar(config: Config) -> list[tuple[float, float, float]]:
    """At every step of a run: seconds elapsed, seconds left as the bar shows them, and the whole
    duration that the part of the work done until then suggests."""
    log = []

    class Logged(ProgressBar):
        def update(self, n: float | None = 1) -> bool | None:
            result = super().update(n)
            shown = self.format_dict
            elapsed, done = shown["elapsed"], self.n / self.total
            left = (self.total - self.n) / shown["rate"] if shown["rate"] else 0.0
            log.append((elapsed, left, elapsed / done))
            return result

    with patch("telegrad.training.forecast.ProgressBar", Logged), quiet():
        run(config)
    return log


# --- all of it ------------------------------------------------------------------------------------


PARTS = {
    "kills": survival,
    "damage": damage,
    "growth": growth,
    "saving": saving,
    "time": foretold,
}


def tell(row: object) -> None:
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kills", type=int, default=200, help="in all modes together")
    parser.add_argument("--damages", type=int, default=200, help="places of each kind of damage")
    parser.add_argument("--steps", type=int, default=10_000, help="of the long run")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each run whose time is told")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            text = PARTS[part](options, Path(folder))
        publish(f"soak_{part}", "The long fault tests", text, [Config().seed])


if __name__ == "__main__":
    main()
