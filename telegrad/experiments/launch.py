"""Runs several at a time; what is finished is not made again."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from telegrad.bars import Bar
from telegrad.experiments.comparison import Comparison
from telegrad.experiments.executors import Executor, Running, config_there, last_words
from telegrad.experiments.standing import Standing, UnderWay, what_became_of
from telegrad.experiments.workers import Where, Workers
from telegrad.files import read_json
from telegrad.records import locked
from telegrad.runs.component import Component
from telegrad.runs.config import Config
from telegrad.runs.inputs import changes, digests_of, read_inputs
from telegrad.runs.resume import differences
from telegrad.training.interruptions import Interruptions

Known = dict[str, dict[str, Any] | None]
"""Digests, by what is described."""

WAIT = 0.2
"""Seconds between looks at the running processes."""


@dataclass(frozen=True)
class Failure:
    """A run that ended with an error, and its last words."""

    config: Config
    reason: str


def launch_comparison(
    comparison: Comparison,
    directory: Path,
    parallel: int | None = None,
    threads: int | None = None,
    *,
    where: Where = "processes",
    options: Mapping[str, Any] | None = None,
    told: Callable[[Standing], object] = lambda _: None,
) -> list[Failure]:
    """All runs of a comparison; tuned first, if it has learning rates to tune over.

    Args:
        comparison: whose runs they are.
        directory: of all of them.
        parallel, threads, where, options: see `Workers`.
        told: is called, with what has become of the runs, whenever one has ended.

    Returns, raises:
        as `launch`.

    Raises:
        BlockingIOError: if another process launches runs in that directory.
        OSError: if it can't be written.
    """
    workers = Workers(parallel=parallel, threads=threads, where=where, options=options or {})
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        return _launched(comparison, directory, workers, told)


def _launched(
    comparison: Comparison,
    directory: Path,
    workers: Workers,
    told: Callable[[Standing], object],
) -> list[Failure]:
    rates, (first, *others) = comparison.rates, comparison.seeds
    contestants, config = comparison.contestants, partial(comparison.config, directory)
    tried = {c: [config(c, first, rate) for rate in rates] for c in contestants}
    standing = Standing(len(contestants) * (len(rates) + len(others)), told=told)
    at_first = list(chain(*tried.values()))
    parallel, threads = workers.for_runs(at_first)
    with workers.executor(directory, threads) as executor:
        make = partial(_launch, executor=executor, parallel=parallel, standing=standing)
        if len(rates) == 1:  # nothing is to be chosen
            return make(
                at_first + [config(c, seed, rates[0]) for seed in others for c in contestants]
            )
        failures = make(at_first)
        losses = {c: [final_loss(one) for one in configs] for c, configs in tried.items()}
        best = {c: rates[of_rates.index(min(of_rates))] for c, of_rates in losses.items()}
        return failures + make([config(c, seed, best[c]) for seed in others for c in contestants])


def final_loss(config: Config) -> float:
    """Validation loss of a run's best model; infinite if it failed."""
    try:
        report = read_json(config.directory.report)
        return float(report["restored"]["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return math.inf


def launch(
    configs: Sequence[Config], parallel: int | None = None, threads: int | None = None
) -> list[Failure]:
    """Makes the runs that are not finished, in their order; one that was stopped goes on.

    A further run only starts while the memory that is free holds what the largest has taken. All
    compute with the same number of threads, so that their seconds can be compared. What they print
    is kept in each one's results directory, in `output.txt`.

    Args:
        configs: each with a results directory of its own.
        parallel, threads: see `Workers`.

    Returns:
        those that failed; the others were made all the same.

    Raises:
        ValueError: if a results directory holds a run of other options, before any run is made.
        KeyboardInterrupt: after the runs that were under way have saved what they had.
    """
    workers = Workers(parallel=parallel, threads=threads)
    parallel, threads = workers.for_runs(configs)
    with workers.executor(Path(), threads) as executor:
        return _launch(configs, executor, parallel, Standing(len(configs)))


def _launch(
    configs: Sequence[Config], executor: Executor, parallel: int, standing: Standing
) -> list[Failure]:
    """As `launch`, `parallel` runs at a time."""
    known: Known = {}
    open_runs = [config for config in configs if not is_finished(config, known)]
    standing.done += len(configs) - len(open_runs)
    failures: list[Failure] = []
    looked_at: dict[str, UnderWay] = {}
    bar = Bar(
        total=standing.total, initial=standing.done, desc="runs", unit="run", smoothing=0,
        mininterval=1,
    )  # fmt: skip
    with Interruptions() as interruptions, bar, stopped_with_us() as running:
        while open_runs or running:
            if interruptions.asked:
                raise KeyboardInterrupt
            if open_runs and len(running) < parallel and executor.has_room():
                config = open_runs.pop(0)
                running.append(executor.start(config))
                looked_at[config.output.directory] = UnderWay.of(config)
                if len(running) < parallel and open_runs:
                    continue
            time.sleep(WAIT)
            ended = [one for one in running if one.poll() is not None]
            for one in ended:
                running.remove(one)
                if one.poll():
                    failures.append(Failure(one.config, last_words(one.config)))
                standing.done += 1
                bar.update()
                bar.write(what_became_of(one.config))
            standing.running = [str(looked_at[one.config.output.directory]) for one in running]
            bar.set_postfix_str(", ".join(standing.running), refresh=False)
            bar.update(0)
            if ended:
                standing.told(standing)
    return failures


def is_finished(config: Config, known: Known | None = None) -> bool:
    """Whether the run has been made to its end.

    Args:
        config: of the run.
        known: digests of the images of others, so that they are read once.

    Raises:
        ValueError: if its results directory holds a run of other options, or of other images, or a
            finished one that can't be read again.
    """
    known = {} if known is None else known
    files, before = config.directory, config_there(config)
    if before is None:
        return False  # the run begins anew
    if changed := differences(before, config):
        raise ValueError(
            f"{files.path} holds a run of {config.label!r} with other options "
            f"({'; '.join(changed.values())}). Use another directory (out), or remove that run."
        )
    if not files.report.exists():
        return False
    made_of = read_inputs(files.inputs)
    now = None if made_of is None else _images_now(config.data, config.task, known)
    if made_of is not None and now is not None and (other := changes(made_of, now)):
        raise ValueError(
            f"{files.path} holds a run of {config.label!r} that was made of something else "
            f"({'; '.join(other)}). Use another directory (out), put back what it was, or remove "
            f"that run."
        )
    return True


def _images_now(data: Component, task: Component, known: Known) -> dict[str, Any] | None:
    """Digests of images and of a task's files; None where they can't be read here."""
    if data.instance is not None:  # whose arguments are not known
        return None
    described = json.dumps([data.to_dict(), task.to_dict()])
    if described not in known:
        try:
            known[described] = digests_of(data.build().source(), task.build().files)
        except (OSError, ValueError):
            known[described] = None
    return known[described]


@contextmanager
def stopped_with_us() -> Iterator[list[Running]]:
    """A list of runs; those in it when it is left are asked to save and waited for."""
    running: list[Running] = []
    try:
        yield running
    finally:
        for one in running:
            one.stop()
        for one in running:
            one.wait()
