"""Runs of so many seconds on a quiet machine, made on one that need not be quiet.

What a step of each kind takes is measured once: the processor time of one thread, the least of some
steps. A run then makes as many steps as its seconds buy, however long it takes.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from contenders import ADAMW, CLIP, FULL, LARGEST, PROBLEMS, Contender, Options, Problem, task_of
from quiet import quiet
from table import RESULTS

import telegrad
from telegrad.evaluation import Protocol, image_sets, means, measured
from telegrad.files.digest import sha256_of
from telegrad.inference import load_model
from telegrad.mge import GridHierarchy
from telegrad.records import NoRecords, RunDirectory
from telegrad.runs.build import build_schedule
from telegrad.runs.component import resolve
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.running import carry_on, prepare
from telegrad.schedules import Schedule, Stage, Strategy
from telegrad.training.loop import take_step
from telegrad.training.timing import seconds_per_validation

ANCHOR = 8, 32
"""Shape on which another optimizer is timed."""

UPDATES = 50
"""Updates by which an optimizer is timed."""

ROUNDS, IN_A_TURN, ANCHORS = 8, 4, 4
"""Turns in which each shape is timed, steps in one, known shapes timed again beside new ones."""


@dataclass(frozen=True)
class Place:
    """Where images come from and where runs leave what they need to go on.

    Attributes:
        photographs: a folder with `train` and `val`; see `photographs_of`.
        testsets: a folder of folders, one a set.
        pairs: a folder with `train`, `val` and such sets, of pairs; see `pairs_of`.
        work: a folder for what is unfinished, and for the images to choose by.
        device, precision: of the runs.
    """

    photographs: Path
    testsets: Path
    pairs: Path | None
    work: Path
    device: str = "cpu"
    precision: str = "32-true"

    def data_of(self, problem: Problem) -> Options:
        """Of a run."""
        if not problem.pairs:
            return {"data": "Folder", "data.path": str(self.photographs)}
        patterns = {"data.input": "*_real.JPG", "data.target": "*_mean.JPG"}
        return {"data": "Pairs", "data.path": str(self.pairs), **patterns}

    def sets_of(self, problem: Problem, tested: bool) -> list[str]:
        """Folders of images to choose by, and to test on."""
        folders = self.work, self.testsets
        if problem.pairs and self.pairs is not None:
            folders = self.pairs, self.pairs
        sets = [folders[1] / name for name in problem.sets] if tested else []
        return [str(folders[0] / "choices"), *map(str, sets)]


@dataclass(frozen=True)
class Job:
    """One run: a contender with its knobs set, a learning rate, seconds and a seed."""

    problem: str
    contender: str
    strategy: Options
    knobs: Options
    size: int
    learning_rate: float
    seconds: float
    seed: int
    optimizer: str | None = None

    @property
    def key(self) -> dict[str, str]:
        """The columns of a result that say which run it is of."""
        return {
            "problem": self.problem,
            "contender": self.contender,
            "knobs": json.dumps(self.knobs),
            "learning_rate": f"{self.learning_rate:g}",
            "seconds": f"{self.seconds:g}",
            "seed": str(self.seed),
        }

    @classmethod
    def of(cls, problem: str, name: str, contender: Contender, knobs: Options, *rest: Any) -> Job:
        size = knobs.get("size", contender.size)
        strategy, optimizer = contender.strategy, contender.optimizer
        return cls(problem, name, strategy, knobs, size, *rest, optimizer=optimizer)

    @property
    def validations(self) -> int:
        """One, at the end; or as many as a strategy that stops early by them likes."""
        strategy = resolve("strategy", self.strategy["strategy"], functions=False)
        return strategy.default_validations if strategy.early_stop is not Strategy.early_stop else 1

    def paid_validations(self, schedule: Schedule) -> int:
        """Those that cost time: not that at the end, nor those of stages that no one looks at."""
        heats = sum(stage.heat is not None for stage in schedule.stages)
        return heats + self.validations - 1

    def config(self, place: Place) -> Config:
        """What is run, and written into a folder of its own."""
        problem = PROBLEMS[self.problem]
        folder = hashlib.sha256((json.dumps(self.key) + sources()).encode()).hexdigest()[:16]
        return compose(
            {
                **task_of(problem, self.size),
                **problem.network,
                **place.data_of(problem),
                "size": self.size,
                **self.strategy,
                **{name: value for name, value in self.knobs.items() if name != "size"},
                **({"optimizer": self.optimizer} if self.optimizer else {}),
                "budget": f"{self.seconds:g}s",
                "optimizer.lr": self.learning_rate,
                "update.clip": CLIP,
                "validation.times": self.validations,
                "validation.images": problem.validated,
                "seed": self.seed,
                "device": place.device,
                "runtime.precision": place.precision,
                "out": str(place.work / "runs" / folder),
            }
        )


@cache
def sources() -> str:
    """What the package is, in short: a run does not go on with what another version made."""
    files = sorted(Path(telegrad.__file__).parent.rglob("*.py"))
    return "".join(map(sha256_of, files))


Shape = tuple[int, int]
"""Images of a step, and their height and width in pixels."""


class Paces:
    """Seconds of steps by images and size, kept in benchmarks/results.

    Steps of all shapes are timed by turns, so that whatever else the machine does slows all of them
    down alike; shapes that are missed later are timed beside some that are known, and put on the
    same footing.
    """

    def __init__(self, name: str) -> None:
        self.file = RESULTS / f"{name}_paces.csv"

    def of(
        self,
        problem: str,
        grids: GridHierarchy,
        place: Place,
        optimizer: str,
        stages: Sequence[Stage],
    ) -> list[float]:
        """Of one step of each stage; those that are not known are measured."""
        more = self.more(problem, optimizer, place)
        of_stages = [_shapes(grids, stage) for stage in stages]
        known = self.known(problem, {shape for shapes in of_stages for shape in shapes}, place)
        return [
            more
            + sum(known[shape] for shape in shapes) / (len(shapes) if stage.random_level else 1)
            for shapes, stage in zip(of_stages, stages, strict=True)
        ]

    def more(self, problem: str, optimizer: str, place: Place) -> float:
        """What another optimizer than AdamW adds to a step, of any shape."""
        if optimizer == ADAMW:
            return 0.0
        named = f"{problem}, {optimizer.rpartition('.')[2]}"
        with locked(self.file.with_name(f"{self.file.stem}_{problem}_more.csv")):
            for row in rows(self.file):
                if row["problem"] == named:
                    return float(row["seconds"])
        now = measured_paces(problem, [ANCHOR], place)[ANCHOR]
        usual, other = seconds_of_updates(problem, (ADAMW, optimizer), place)
        more = (other - usual) / now * self.known(problem, {ANCHOR}, place)[ANCHOR]
        row = {"problem": named, "images": "0", "size": "0", "seconds": f"{more:.5f}"}
        with locked(self.file):
            append(self.file, row)
        return more

    def known(self, problem: str, shapes: set[Shape], place: Place) -> dict[Shape, float]:
        """Of these shapes at least."""
        of_problem = self.file.with_name(f"{self.file.stem}_{problem}.csv")
        with locked(of_problem):  # others may be measured meanwhile
            known = {
                (int(row["images"]), int(row["size"])): float(row["seconds"])
                for row in rows(self.file)
                if row["problem"] == problem
            }
            missing = sorted(shapes - set(known))
            if missing:
                beside = sorted(known)[:: max(1, len(known) // ANCHORS)]
                now = measured_paces(problem, [*missing, *beside], place)
                slower = statistics.median([now[s] / known[s] for s in beside] or [1.0])
                known |= {shape: now[shape] / slower for shape in missing}
            for images, size in missing:
                row = {"problem": problem, "images": str(images), "size": str(size)}
                with locked(self.file):
                    append(self.file, row | {"seconds": f"{known[images, size]:.5f}"})
        return known


def measured_paces(problem: str, shapes: Sequence[Shape], place: Place) -> dict[Shape, float]:
    """Seconds of a step of each shape: crops, passes, update; the least of `ROUNDS`.

    Every turn begins with a step that does not count: the loader is made anew in it.
    """
    any_strategy: Options = {"strategy": "Single", "strategy.levels": 1}
    job = Job(problem, "any", any_strategy, {}, LARGEST, 1e-3, 3600.0, 0)
    jobs = {False: job, True: replace(job, size=FULL)}
    torch.set_num_threads(1)
    with quiet():
        needed = {size > LARGEST for _, size in shapes}
        prepared = {is_full: prepare(jobs[is_full].config(place)) for is_full in needed}
    unwritten = NoRecords(RunDirectory("", ""))
    taken: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    for _ in range(ROUNDS):
        for images, size in shapes:
            one = prepared[size > LARGEST]
            stage = Stage(sys.maxsize, 0, (images,), shape=(size, size))
            one.state.schedule = Schedule(one.state.schedule.grids, (stage,), patches=1.0)
            clock = time.thread_time if one.fabric.device.type == "cpu" else time.perf_counter
            one.state.train()
            for _ in range(1 + IN_A_TURN):
                started = clock()
                take_step(one.fabric, one.state, one.objective, unwritten)
                taken[images, size].append(clock() - started)
    return {shape: min(seconds) for shape, seconds in taken.items()}


def seconds_of_updates(problem: str, optimizers: Sequence[str], place: Place) -> list[float]:
    """Of an update by each optimizer, by turns; the least."""
    options: Options = {"strategy": "Single", "strategy.levels": 1, "strategy.batch_size": 1}
    job = Job(problem, "any", options, {}, LARGEST, 1e-3, 3600.0, 0)
    torch.set_num_threads(1)
    with quiet():
        prepared = [prepare(replace(job, optimizer=o).config(place)) for o in optimizers]
    taken: list[list[float]] = [[] for _ in optimizers]
    for one in prepared:
        one.state.train()
        take_step(one.fabric, one.state, one.objective, NoRecords(RunDirectory("", "")))
    for _ in range(UPDATES):
        for one, seconds in zip(prepared, taken, strict=True):
            on_cpu = one.fabric.device.type == "cpu"
            clock = time.thread_time if on_cpu else time.perf_counter
            started = clock()
            one.state.optimizer.step()
            if not on_cpu:
                torch.cuda.synchronize()
            seconds.append(clock() - started)
    return [min(seconds) for seconds in taken]


def shapes_of(config: Config) -> set[Shape]:
    """Of all steps of a run."""
    schedule = build_schedule(config)
    return {shape for stage in schedule.stages for shape in _shapes(schedule.grids, stage)}


def _shapes(grids: GridHierarchy, stage: Stage) -> list[Shape]:
    """Of the passes of a step, or of those that it is drawn from."""
    grids = Schedule(grids, (stage,)).stage_grids(stage)
    return [(n, grids.shape(level)[0]) for level, n in enumerate(stage.batch_sizes)]


def train(job: Job, place: Place, paces: Paces, sets: list[str]) -> dict[str, str]:
    """Makes a run, or goes on with it, and measures it on whole images: a row of results."""
    torch.set_num_threads(1)
    config = job.config(place)
    with quiet():
        resumes = config.directory.last.exists()
        if not resumes:  # what is there was stopped before it was saved
            shutil.rmtree(config.output.directory, ignore_errors=True)
        prepared = prepare(config, resume=resumes)
        if not resumes:
            strategy, state = config.build_strategy(), prepared.state
            fresh, optimizer = build_schedule(config), config.optimizer.class_path
            fresh = strategy.suited(
                fresh, partial(paces.of, job.problem, fresh.grids, place, optimizer)
            )
            one = seconds_per_validation(prepared.validation, state.evaluated)
            for schedule in (fresh, None):
                schedule = schedule or strategy.fitted(state.schedule)
                seconds = paces.of(job.problem, fresh.grids, place, optimizer, schedule.stages)
                left = job.seconds - one * job.paid_validations(schedule)
                shares = strategy.shares_of(schedule)
                state.schedule = schedule.with_seconds(left, seconds, shares)
            if state.early_stop is not None:
                state.early_stop.costs = seconds
            state.heats = strategy.heats(state.schedule)
            if state.heats is not None:
                state.heats.take_costs(state.schedule, seconds)
            if prepared.timing is not None:  # of this machine now, and perhaps of other stages
                prepared.timing = replace(prepared.timing, steps=seconds)
        started = time.perf_counter()
        config.directory.path.mkdir(parents=True, exist_ok=True)
        report = carry_on(prepared, resume=resumes)
        wall = time.perf_counter() - started
        lengths = prepared.state.schedule.lengths
        quality = {} if not sets else quality_of(job.problem, report.files.best, sets, place.device)
    return {
        **job.key,
        "steps": "/".join(map(str, lengths)),
        "work_units": f"{report.progress.work_units:.1f}",
        "wall": f"{wall:.0f}",
        **quality,
    }


def quality_of(problem: str, best: Path, sets: list[str], device: str) -> dict[str, str]:
    """PSNR of each set by its name, mean over its images."""
    model = load_model(best, device)
    task = model.task
    if problem == "inpainting":  # as many holes of that size as in training, for BSDS500's
        task = replace(task, boxes=28, sides=(0.05, 0.1))
    protocol = Protocol(metrics=["psnr"])
    pairs = model.config.build_data() if PROBLEMS[problem].pairs else None
    images = image_sets(sets, task, pairs)
    found = means(measured(model.tiled, task, images, protocol.of_task(task)))
    psnr: dict[str, list[float]] = {}
    for mean in found:
        psnr.setdefault(mean.set, []).append(mean.restored["psnr"])
    return {name: f"{sum(values) / len(values):.4f}" for name, values in psnr.items()}


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Of several processes one at a time."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def append(file: Path, row: dict[str, str]) -> None:
    """Adds a row; columns that are new are added to all."""
    before = rows(file)
    columns = list(dict.fromkeys([name for r in (*before, row) for name in r]))
    with file.with_suffix(".part").open("w", newline="") as text:
        writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows([*before, row])
    file.with_suffix(".part").replace(file)
