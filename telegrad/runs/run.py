"""A run: from a recipe to a trained model, its records, and what it came to."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning_fabric import Fabric
from torch import nn

from telegrad.data.stream import CropStream
from telegrad.records.records import Records, last_state
from telegrad.runs.options import in_units
from telegrad.runs.picture import save_comparison
from telegrad.runs.recipes import Recipe
from telegrad.schedules.adaptation import Adaptation
from telegrad.schedules.early_stop import Controller
from telegrad.schedules.schedule import Schedule, Stage
from telegrad.tasks import Task
from telegrad.training.checkpoint import read_checkpoint, read_state
from telegrad.training.forecast import progress_bar
from telegrad.training.loop import train
from telegrad.training.state import Progress, TrainingState, moving_average
from telegrad.training.timing import (
    forecast,
    peak_memory,
    seconds_per_step,
    seconds_per_validation,
)
from telegrad.training.validation import Quality, Validation


@dataclass(frozen=True)
class Files:
    """Where a run's results are."""

    directory: Path
    best: Path
    last: Path
    picture: Path


@dataclass(frozen=True)
class Report:
    """A finished run: what it came to, and the quality of its best model on validation images.

    Attributes:
        outcome: of the whole run.
        took: seconds with validations and saves, of the part since the run was last resumed.
        foretold: the same before it began; None where timing would have cost too much.
        peak_memory: in MiB; see `timing.peak_memory`.
    """

    outcome: Progress
    corrupted: Quality
    restored: Quality
    records: Files
    took: float
    foretold: float | None
    peak_memory: float | None


@dataclass
class Prepared:
    """A run before its first step, or before the next one of a run that is resumed."""

    recipe: Recipe
    network: nn.Module
    fabric: Fabric
    task: Task
    state: TrainingState
    validation: Validation
    resumed: str | None


def run(recipe: Recipe, network: nn.Module | None = None) -> Report:
    """Trains what the recipe describes; writes logs, the best model and a picture.

    Args:
        recipe: all about the run.
        network: your own, called as network(images, times), or network(images) for a task without
            times; for recipes with network="own". `telegrad.networks` adapts others by one line.

    Raises:
        ValueError, OSError: for bad input, before training begins.
    """
    prepared = prepare(recipe, network)
    fabric, state, task = prepared.fabric, prepared.state, prepared.task
    fabric.barrier()  # nothing is written before all have read
    first = fabric.is_global_zero
    records = recipe.build_records(state.progress) if first else recipe.no_records()
    if prepared.resumed is not None:
        records.event(prepared.resumed)
    fabric.print(state.schedule)
    validations, done = recipe.number_of_validations, state.progress.work_units
    with records:
        expected = forecast(fabric, state, task, prepared.validation, validations)
        foretold = None if expected is None else expected.seconds_left(done, 0.0, done)
        started = time.perf_counter()
        with progress_bar(state.schedule, done, first, expected) as bar:
            train(
                fabric,
                state,
                task,
                prepared.validation,
                records,
                bar,
                validations=validations,
                skips=recipe.skip_updates,
                save_every=recipe.save_every,
            )
        took = time.perf_counter() - started

    report = conclude(prepared, records, took, foretold) if first else None
    report = fabric.broadcast(report)
    assert report is not None
    return report


def prepare(recipe: Recipe, network: nn.Module | None = None) -> Prepared:
    """All that a run needs; only image caches are written. Arguments and errors as for `run`."""
    fabric, task = recipe.build_fabric(), recipe.build_task()
    if (network is None) is (recipe.network == "own"):
        raise ValueError(f"run: network={recipe.network}; give a network of your own with 'own'.")
    if network is None:
        network = recipe.build_network()
    recipe.check_sizes(network)
    saved, changes = stopped_run(recipe, fabric.device) if recipe.resume else (None, [])
    source = recipe.build_source()
    stream = CropStream(recipe.build_pyramid(source.train), recipe.seed)
    validation = recipe.build_validation(source.val, fabric.device)

    learning_rate = recipe.build_learning_rate()
    adam = torch.optim.Adam(network.parameters(), lr=learning_rate.highest, fused=True)
    network.to(memory_format=torch.channels_last)
    average = None if recipe.ema is None else moving_average(network, recipe.ema)
    if recipe.compile:
        compile_every_shape(network)
    model, optimizer = fabric.setup(network, adam)
    controller = Controller() if recipe.mode == "auto" else None
    schedule = recipe.build_schedule()
    adaptation = None if recipe.adapt is None else Adaptation.of(schedule, recipe.adapt)
    state = TrainingState(
        *(model, optimizer, learning_rate, schedule, stream, Progress()),
        average=average,
        controller=controller,
        adaptation=adaptation,
    )
    resumed = None
    if saved is not None:
        state.load_state_dict(saved)
        stages = [Stage(**stage) for stage in saved["stages"]]
        state.schedule = recipe.lengthened(stages, saved["probes"] or 0.0)
        after = f"resumed after iteration {state.progress.iteration}"
        where = f"device {recipe.device}", f"{fabric.world_size} processes"
        resumed = "; ".join([after, *changes, *where])
    elif recipe.limits[1] is not None:
        state.schedule = in_time(recipe, fabric, state, task, validation)
    return Prepared(recipe, network, fabric, task, state, validation, resumed)


def in_time(
    recipe: Recipe, fabric: Fabric, state: TrainingState, task: Task, validation: Validation
) -> Schedule:
    """The state's schedule in the recipe's seconds, by timing a few steps of every stage.

    All processes follow the first one's clock.
    """
    _, seconds = recipe.limits
    assert seconds is not None
    of_steps = seconds_per_step(fabric, state, task, rounds=4)
    one = seconds_per_validation(validation, state.evaluated)
    validating = one * (recipe.number_of_validations + len(of_steps))
    if validating > seconds / 2:
        raise ValueError(
            f"budget={recipe.budget}: its {recipe.number_of_validations} validations alone take "
            f"{validating:.2g} s, more than half of it; use fewer validations or val_images, or a "
            f"larger budget."
        )
    schedule = state.schedule.with_seconds(seconds - validating, of_steps, recipe.stage_shares)
    return fabric.broadcast(schedule)


def compile_every_shape(network: nn.Module) -> None:
    """Compiles the network in place, anew for each level and batch size in use."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 256)
    network.compile(dynamic=False)


def conclude(prepared: Prepared, records: Records, took: float, foretold: float | None) -> Report:
    """Measures the best model, draws a picture of what it does, and writes all figures down."""
    recipe, network, validation = prepared.recipe, prepared.network, prepared.validation
    network.load_state_dict(read_checkpoint(records.best)["model_state_dict"])
    examples = validation.examples(network, number=min(4, recipe.val_images))
    columns = dict(zip(("corrupted", "restored", "clean"), examples, strict=True))
    save_comparison(records.picture, columns, title=recipe.name)
    report = Report(
        outcome=prepared.state.progress,
        corrupted=validation.corrupted(),
        restored=validation.evaluate(network),
        records=Files(records.directory, records.best, records.last, records.picture),
        took=took,
        foretold=foretold,
        peak_memory=peak_memory(prepared.fabric.device),
    )
    adaptation = prepared.state.adaptation
    records.concluded(
        **asdict(report.outcome),
        probe_work_units=0.0 if adaptation is None else adaptation.spent,
        took=took,
        foretold=foretold,
        peak_memory=report.peak_memory,
        corrupted=report.corrupted.means,
        restored=report.restored.means,
    )
    return report


_MAY_CHANGE = {"iterations", "work_units", "budget", "validations", "skip_updates", "save_every"}
_DOES_NOT_MATTER = {
    *("resume", "overwrite", "device", "processes", "label"),
    *("data_dir", "results_dir", "cache_dir", "memory"),
}


def stopped_run(recipe: Recipe, device: torch.device) -> tuple[dict[str, Any] | None, list[str]]:
    """The last state of the recipe's run, None if nothing was saved, and what has changed since.

    Raises:
        ValueError: if it was another run, or none of its states is whole.
    """
    last = last_state(recipe.results_dir, recipe.name)
    saved = read_state(last, device)
    if saved is None:
        return None, []
    before = yaml.safe_load(last.with_name("config.yaml").read_text())
    changed = differences(before, recipe)
    if "budget" in changed and in_units(recipe.budget or "0.1wu")[1] == "s":
        raise ValueError(
            f"resume: {recipe.name} had another budget ({changed['budget']}); a budget of time is "
            f"counted once, when a run begins. Use the same budget as then, or more work: "
            f"budget=…wu."
        )
    if refused := [text for name, text in changed.items() if name not in _MAY_CHANGE]:
        raise ValueError(
            f"resume: {recipe.name} was another run ({'; '.join(refused)}). Use its own options, "
            f"another run_id, or overwrite=true without resume to start anew."
        )
    return saved, list(changed.values())


def differences(before: dict[str, Any], recipe: Recipe) -> dict[str, str]:
    """Options that decide a run's outcome, and are others than in that configuration, in words."""
    return {
        name: f"{name}: {before.get(name)} then, {value} now"
        for name, value in asdict(recipe).items()
        if before.get(name) != value and name not in _DOES_NOT_MATTER
    }
