"""A run: from its description to a trained model, its records, and the figures it ends with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from telegrad.atomic import check_room
from telegrad.data.image_folder import make_output
from telegrad.evaluation.results import Mean, means
from telegrad.mge.mixing import not_yet_said
from telegrad.records import RunDirectory, check_loggers, locked, replaced
from telegrad.runs import build
from telegrad.runs.config import Config
from telegrad.runs.initial_weights import start_from
from telegrad.runs.inputs import inputs_of, read_inputs
from telegrad.runs.processes import is_first_process
from telegrad.runs.resume import changed_inputs, lengthened, stopped_run
from telegrad.runs.timing import Timing, within_time
from telegrad.schedules import Schedule, Stage
from telegrad.tasks import Objective
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.cuda_graphs import record_every_shape
from telegrad.training.forecast import Forecast, progress_bar
from telegrad.training.interruptions import Interrupted
from telegrad.training.loop import train
from telegrad.training.moving_average import MovingAverage
from telegrad.training.sets import SetsValidation
from telegrad.training.state import Progress, TrainingState
from telegrad.training.timing import forecast, seconds_per_step
from telegrad.training.validation import Quality, Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric


SUITED_BY = 6
"""Steps of each kind by which a schedule is suited to the machine; the first only warms up."""


@dataclass(frozen=True)
class Report:
    """A finished run: its figures, and the quality of its best model on validation images.

    Attributes:
        progress: of the whole run.
        corrupted, restored: quality of the images that the network was given, and of its own.
        sets: means of its images and of the corrupted ones, of each set of whole images.
        files: where everything lies.
    """

    progress: Progress
    corrupted: Quality
    restored: Quality
    sets: tuple[Mean, ...]
    files: RunDirectory

    @property
    def wall_seconds(self) -> float:
        """With validations and saves, of all sessions."""
        return self.progress.wall_seconds

    @property
    def estimated_seconds(self) -> float | None:
        """The same before it began; None where timing would have cost too much."""
        return self.progress.estimated_seconds

    @property
    def peak_memory(self) -> float | None:
        """In MiB, of all sessions; see `costs.peak_memory`."""
        return self.progress.peak_memory


@dataclass
class Prepared:
    """A run before its first step, or before the next one of a run that is resumed.

    Attributes:
        validation: of the run; in a budget of time maybe on fewer images.
        at_the_end: of its best model, on all of them, so that runs can be compared.
        inputs: names and digests of images, source and initial weights.
        notes: what a user should know of what it begins with.
        events: what the run begins its records with.
        planned: work units of the run when it was last saved; 0 for one that begins.
        timing: what steps and validations take, where that was measured; all processes have the
            first one's.
    """

    config: Config
    network: nn.Module
    fabric: Fabric
    objective: Objective
    state: TrainingState
    validation: Validation
    at_the_end: Validation
    sets: SetsValidation | None
    inputs: dict[str, Any]
    notes: tuple[str, ...]
    events: list[str]
    planned: float
    timing: Timing | None

    @property
    def validations(self) -> int:
        """How many there are."""
        chosen = self.state.validation_plan
        return self.config.validations if chosen is None else chosen.validations

    def estimated_seconds(self, expected: Forecast | None) -> float | None:
        """Of the whole run: as it was estimated when it began, with what was added since."""
        progress, work = self.state.progress, self.state.schedule.work_units
        before, done = progress.estimated_seconds, progress.work_units
        if before is None:
            left = None if expected is None else expected.seconds_left(done, 0.0, done)
            return None if left is None else progress.wall_seconds + left
        if work == self.planned:
            return before
        if expected is None:  # so little was added that it isn't timed
            return before * work / self.planned
        return before + expected.seconds_left(self.planned, 0.0, self.planned)

    def forecast(self) -> Forecast | None:
        """Seconds of the run; None where timing would cost too much."""
        if self.timing is not None:
            images = self.validation.images
            return self.timing.forecast(self.state.schedule, self.validations, images)
        return forecast(
            *(self.fabric, self.state, self.objective, self.validation),
            *(self.validations, self.sets),
        )


def run(config: Config, *, resume: bool = False, accept_changes: bool = False) -> Report:
    """Trains what is described; writes logs, the best model and a picture.

    Args:
        config: all about the run.
        resume: go on with a run of the same name that was stopped, from where it was last saved;
            it begins, and says so, if there is none that has made a step.
        accept_changes: go on although images, or the source of a class, are others than before.

    Raises:
        ValueError, OSError: for bad input, before training begins.
        BlockingIOError: if another process works on the run.
    """
    files, first = config.directory, is_first_process()
    with ExitStack() as stack:
        if first and files.path.is_dir():
            stack.enter_context(locked(files.path))
        if not resume:
            replaced(files, overwrite=config.output.overwrite, goes_on=False)
        for place in (files.path, files.best.parent, files.train_log.parent):
            check_room(place, "out")
        prepared = prepare(config, resume=resume, accept_changes=accept_changes)
        prepared.fabric.barrier()  # nothing is written before all have read
        if first:
            _make(files.path)
            stack.enter_context(locked(files.path))
        return carry_on(prepared, resume=resume)


def _make(directory: Path) -> None:
    try:
        make_output(directory)  # its picture is no input
    except OSError as error:
        raise OSError(
            f"results directory {directory} can't be written ({error}); choose another with --out."
        ) from error


def carry_on(prepared: Prepared, *, resume: bool) -> Report:
    """Trains from where the state is to the end."""
    config, fabric, state = prepared.config, prepared.fabric, prepared.state
    objective, first = prepared.objective, fabric.is_global_zero
    records = (
        build.build_records(config, state, resume, prepared.inputs)
        if first
        else build.no_records(config)
    )
    for note in (*prepared.events, *prepared.notes):
        fabric.print(f"Note: {note}.")
        records.event(note)
    fabric.print(state.schedule)
    done = state.progress.work_units
    with records:
        expected = prepared.forecast()
        state.progress.estimated_seconds = prepared.estimated_seconds(expected)
        with (
            progress_bar(state.schedule, done, first, expected) as bar,
            leaving(prepared if first else None),
        ):
            train(
                fabric,
                state,
                objective,
                prepared.validation,
                records,
                bar,
                validations=prepared.validations,
                sets=prepared.sets,
                skips=config.runtime.skip_updates,
                save_every=config.runtime.save_every,
            )
    report = _report(prepared) if first else None
    if report is not None:
        records.finished(
            **asdict(report.progress),
            probe_work_units=state.adaptation.spent if state.adaptation else 0.0,
            corrupted=report.corrupted.means,
            restored=report.restored.means,
            sets=[mean.columns() for mean in report.sets],
        )
    report = fabric.broadcast(report)
    assert report is not None
    return report


def prepare(config: Config, *, resume: bool = False, accept_changes: bool = False) -> Prepared:
    """All that a run needs; only image caches are written. Arguments and errors as for `run`."""
    check_loggers(config.output.tracker or ())
    fabric, objective = build.build_fabric(config), build.build_objective(config)
    network = build.build_network(config)
    records_graphs = build.records_graphs(config, fabric, network)
    build.check_sizes(config, network)
    build.check_loss(config, objective, network)
    saved, changes = stopped_run(config, fabric.device) if resume else (None, [])
    start = start_from(config.init, network) if saved is None else None
    learning_rate = build.build_learning_rate(config)
    optimizer = build.build_optimizer(config, network, learning_rate.highest)
    sets = build.build_sets(config, objective)
    source = config.build_data().source()
    inputs = inputs_of(config, source)
    if config.init.path is not None:  # a run that goes on has its weights, and needs no file
        before = read_inputs(config.directory.inputs) or {}
        inputs["init"] = start.to_dict() if start else before.get("init")
    other = changed_inputs(config, inputs, accept_changes) if saved is not None else []
    stream = build.build_stream(config, source.train, fabric.device)
    validation = build.build_validation(config, objective, source.val, fabric.device)
    build.check_large_sizes(config, network)

    network.to(memory_format=torch.channels_last)
    ema = config.ema
    average = None if ema is None else MovingAverage(network, ema).to(fabric.device)
    if config.runtime.compile:
        compile_every_shape(network)
    elif records_graphs:
        record_every_shape(network)
    model, optimizer = fabric.setup(network, optimizer)
    strategy, schedule = config.build_strategy(), build.build_schedule(config)
    timing = None
    state = TrainingState(
        *(model, optimizer, learning_rate, schedule, stream, Progress()),
        average=average,
        early_stop=strategy.early_stop(),
        heats=strategy.heats(schedule),
        adaptation=strategy.adaptation(schedule),
        update=build.build_update(config),
        scaler=getattr(fabric.strategy.precision, "scaler", None),
    )
    events = ["no state is there to go on from: the run begins"] if resume and not saved else []
    planned = 0.0
    if saved is not None:
        state.load_state_dict(saved)
        stages = [Stage(**stage) for stage in saved["stages"]]
        planned = replace(state.schedule, stages=tuple(stages)).work_units
        state.schedule = lengthened(config, stages, saved["probes"] or 0.0)
        if any("to validate on" in change for change in other):
            state.progress.best_loss = loss_of_best(config, network, validation)
        after = f"resumed after iteration {state.progress.iteration}"
        several = f"{fabric.world_size} process{'es' * (fabric.world_size > 1)}"
        where = f"device {config.runtime.device}", several
        events.append("; ".join([after, *changes, *other, *where]))
    elif strategy.time_limit is not None:
        state.schedule = strategy.suited(
            schedule,
            lambda stages: fabric.broadcast(
                seconds_per_step(fabric, state, objective, SUITED_BY, stages)
            ),
        )
        timing = Timing.of(fabric, state, objective, validation, sets)
        timing = fabric.broadcast(timing)
        state.validation_plan, fitted = within_time(config, state.schedule, timing)
        state.schedule = strategy.fitted(fitted)
        if state.schedule != fitted:
            timing = timing.of_others(fitted, state.schedule)
            state.validation_plan, state.schedule = within_time(config, state.schedule, timing)
        if state.early_stop is not None:
            state.early_stop.costs = timing.steps
        state.heats = strategy.heats(state.schedule)
        if state.heats is not None:
            state.heats.take_costs(state.schedule, timing.steps)
    at_the_end = validation
    if state.validation_plan is not None:
        again = replace(
            state.validation_plan,
            validations=config.validation.times or state.validation_plan.validations,
        )
        state.validation_plan, validation = again, validation.first(again.images)
    notes = (
        *(start.notes if start else ()), *source.notes, *mixing_notes(network, state.schedule)
    )  # fmt: skip
    return Prepared(
        *(config, network, fabric, objective, state, validation, at_the_end, sets, inputs),
        *(notes, events),
        planned,
        timing,
    )


@contextmanager
def leaving(prepared: Prepared | None) -> Iterator[None]:
    """Draws a picture of the best model until now, if a run is stopped that has one."""
    try:
        yield
    except Interrupted:
        if prepared is not None and prepared.config.directory.best.exists():
            draw(prepared)
        raise


def mixing_notes(network: nn.Module, schedule: Schedule) -> list[str]:
    """Layers that break the telescoping sum, where the schedule has stages of several levels."""
    telescopes = any(stage.finest > stage.coarsest for stage in schedule.stages)
    layers = not_yet_said(network.train(), again=True) if telescopes else ()
    return [str(layer).rstrip(".") for layer in layers]


def loss_of_best(config: Config, network: nn.Module, validation: Validation) -> float:
    """Of the best model until now, on images that it was not chosen by; infinite if there is none.

    The network has its own weights again afterwards.
    """
    if not config.directory.best.exists():
        return math.inf
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(read_checkpoint(config.directory.best)["model_state_dict"])
    loss = validation.evaluate(network).loss
    network.load_state_dict(own)
    return loss


def compile_every_shape(network: nn.Module) -> None:
    """Compiles the network in place, anew for each level and batch size in use."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 256)
    network.compile(dynamic=False)


def _report(prepared: Prepared) -> Report:
    """Measures the best model, and draws a picture of what it does."""
    config, network, validation = prepared.config, prepared.network, prepared.at_the_end
    files = config.directory
    draw(prepared)
    sets: list[Mean] = []
    if prepared.sets is not None:
        crop = read_checkpoint(files.best).get("crop")
        sets = means(prepared.sets.rows(network, crop=crop))
    return Report(
        progress=prepared.state.progress,
        corrupted=validation.corrupted(),
        restored=validation.evaluate(network),
        sets=tuple(sets),
        files=files,
    )


def draw(prepared: Prepared) -> None:
    """The picture of what the best model does; the network has its weights then."""
    from telegrad.runs.picture import save_comparison  # loads what draws, once it is needed

    config, network, validation = prepared.config, prepared.network, prepared.validation
    files = config.directory
    network.load_state_dict(read_checkpoint(files.best)["model_state_dict"])
    examples = validation.examples(network, number=min(4, validation.images))
    columns = dict(zip(("corrupted", "restored", "clean"), examples, strict=True))
    save_comparison(files.picture, columns, title=config.name)
