"""The training loop: one step is draws, multiscale gradient, update; now and then a validation."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from telegrad.evaluation.results import means
from telegrad.mge.estimator import Estimate
from telegrad.records import Records
from telegrad.schedules import is_schedule_free
from telegrad.tasks import Objective
from telegrad.training.adapt import adapt
from telegrad.training.checkpoint import save_best, write_state
from telegrad.training.costs import Costs
from telegrad.training.forecast import ProgressBar, validation_steps
from telegrad.training.gradient import clip, gradient, gradient_norm, lowers_scale
from telegrad.training.heats import run_heats
from telegrad.training.interruptions import Interrupted, Interruptions
from telegrad.training.sets import SetsValidation
from telegrad.training.state import TrainingState
from telegrad.training.validation import Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric

EXAMPLES = 4
"""Images that trackers show of a validation."""

FIRST_LOOK = 20.0
"""Seconds after which the bar shows the quality of a few images, if there was no validation yet."""

LOOKED_AT = 8
"""Images of that look."""

SAVING, QUICK = 0.05, 0.2
"""Part of the time that saving a state after validations may take, and seconds that don't count."""


def train(
    fabric: Fabric,
    state: TrainingState,
    objective: Objective,
    validation: Validation,
    records: Records,
    bar: ProgressBar,
    *,
    validations: int = 20,
    sets: SetsValidation | None = None,
    skips: int = 0,
    save_every: float = 300.0,
) -> None:
    """Trains along the state's schedule from where it is; keeps the best model by validation loss.

    Args:
        fabric: has set up the state's network and optimizer.
        state: what changes; it is saved at the beginning, after validations, and between them; a
            large one, which takes long to be written, not after every validation.
        objective: task and loss.
        validation: on the finest level.
        records: what is written.
        bar: counts work units; see `forecast.progress_bar`.
        validations: how many, evenly spread over the work; each stage also ends with one.
        sets: of whole images, to measure after some of the validations.
        skips: updates that may be left out because loss or gradient is not finite.
        save_every: seconds from one save to the next, where validations are farther apart.

    Raises:
        FloatingPointError: for a loss or gradient that is not finite, before it reaches the
            weights, unless it may be skipped.
        MemoryError: when a pass needs more memory than there is; names level and batch size.
        Interrupted: by Ctrl-C or SIGTERM, after the step is finished and the state saved.
    """
    progress, saved, saving = state.progress, time.perf_counter(), 0.0
    looks_at, costs = saved + FIRST_LOOK, Costs(progress, fabric.device)
    validate_after = validation_steps(state.schedule, validations)
    state.train()
    if progress.iteration == 0:
        if fabric.is_global_zero:  # so that a first model is never there without a state
            save(state, records, costs)
        run_heats(state, records, None)
    with Interruptions() as interruptions:
        while progress.iteration < state.schedule.steps:
            step, before = progress.iteration, progress.work_units
            loss = take_step(fabric, state, objective, records, skips)
            records.trained(step + 1, loss, progress.seconds)
            records.trackers.scalars(step + 1, scalars(state, loss))
            validates = step in validate_after
            if validates:
                state.eval()
                valid_loss = validate(fabric, state, validation, records, bar, loss)
                measure_sets(fabric, state, sets, records)
                state.train()
                changed = next_stage(state, records, valid_loss)
                changed |= run_heats(state, records, valid_loss)
                if adapt(fabric, state, objective, records) or changed:
                    validate_after = validation_steps(state.schedule, validations)
                    bar.follow(state.schedule)
            if not bar.shows_quality and time.perf_counter() > looks_at:
                look(fabric, state, validation, bar)
            asked = agreed(fabric, interruptions.asked)
            since = time.perf_counter() - saved
            ends = progress.iteration == state.schedule.steps
            cheap = saving < QUICK or since * SAVING > saving
            due = (validates and (cheap or ends)) or since > save_every
            if (due or asked) and fabric.is_global_zero:
                started = time.perf_counter()
                save(state, records, costs)
                saved = time.perf_counter()
                saving = saved - started
            bar.update(progress.work_units - before)
            if asked:
                raise Interrupted(asked, step + 1)


def save(state: TrainingState, records: Records, costs: Costs) -> None:
    """Writes the state, from which a run that is stopped goes on, and what it is a state of."""
    costs.count()
    files = records.directory
    content = {**state.state_dict(), "configuration": records.configuration}
    write_state(files.last, files.previous, content)
    costs.count()  # the save itself, of which the state can't know


def take_step(
    fabric: Fabric,
    state: TrainingState,
    objective: Objective,
    records: Records,
    skips: int = 0,
) -> float:
    """Gradient and update of one step, and the state's progress; returns the step's loss."""
    progress, position, started = state.progress, state.stream.position, time.perf_counter()
    rate = state.learning_rate.at(state.schedule, progress.iteration, progress.work_units)
    _, stage = state.schedule.at(progress.iteration)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * stage.rate
    estimate = gradient(fabric, state, objective)
    norm = gradient_norm(state)
    loss, size = torch.stack([estimate.loss, norm]).tolist()  # a sync point
    if math.isfinite(loss) and math.isfinite(size):
        clip(state, norm)
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters()
    elif not (math.isfinite(loss) and lowers_scale(state)):
        what = _not_finite(state, estimate, position)
        records.event(what)
        tries_a_higher_rate = stage.heat is not None and stage.rate > 1
        if not tries_a_higher_rate:  # which loses if it diverges, and is no reason to stop
            progress.skipped += 1
            if progress.skipped > skips:
                raise FloatingPointError(what)
    progress.iteration += 1
    progress.seconds += time.perf_counter() - started
    progress.work_units += estimate.work_units
    return loss


def validate(
    fabric: Fabric,
    state: TrainingState,
    validation: Validation,
    records: Records,
    bar: ProgressBar,
    train_loss: float,
) -> float:
    """Evaluates, logs, and keeps the model if it is the best until now; returns the finest loss.

    The first process does it for all.
    """
    if not fabric.is_global_zero:
        return float(fabric.broadcast(0.0))
    progress = state.progress
    number, stage = state.schedule.at(progress.iteration - 1)
    quality = validation.evaluate(state.evaluated)
    records.validated(
        iteration=progress.iteration,
        stage=number,
        level=stage.finest,
        work_units=progress.work_units,
        seconds=progress.seconds,
        train_loss=train_loss,
        valid_loss=quality.loss,
        valid_psnr=quality.mean_psnr,
        valid_ssim=quality.mean_ssim,
        learning_rate=state.optimizer.param_groups[0]["lr"],
    )
    if records.trackers.show_pictures:
        number = min(EXAMPLES, len(validation.draw["clean"]))
        examples = validation.examples(state.evaluated, number)
        columns = dict(zip(("corrupted", "restored", "clean"), examples, strict=True))
        records.trackers.pictures(progress.iteration, columns)
    bar.show(quality.loss, quality.mean_psnr)
    if quality.loss < progress.best_loss:
        progress.best_loss, progress.best_iteration = quality.loss, progress.iteration
        save_best(
            records.directory.best,
            records.directory.weights,
            state.evaluated,
            state.optimizer,
            level=stage.finest,
            crop=state.crop,
            iteration=progress.iteration,
            train_loss=train_loss,
            valid_loss=quality.loss,
            configuration=records.configuration,
        )
    return float(fabric.broadcast(quality.loss))


def look(fabric: Fabric, state: TrainingState, validation: Validation, bar: ProgressBar) -> None:
    """Shows the quality of a few images; nothing is recorded, and the run goes on as without it.

    An optimizer that averages the weights itself is left alone: putting them back would round.
    """
    bar.shows_quality = True
    if fabric.is_global_zero and not is_schedule_free(state.optimizer):
        quality = validation.first(LOOKED_AT).evaluate(state.evaluated)
        bar.show(quality.loss, quality.mean_psnr)


def measure_sets(
    fabric: Fabric, state: TrainingState, sets: SetsValidation | None, records: Records
) -> None:
    """Measures the sets of whole images, if there are any and it is their turn.

    The first process does it for all.
    """
    state.progress.validations += 1
    if sets is None or not sets.is_due(state.progress.validations):
        return
    if fabric.is_global_zero:
        for mean in means(sets.rows(state.evaluated, crop=state.crop)):
            records.sets_measured(iteration=state.progress.iteration, **mean.columns())
    fabric.barrier()


def scalars(state: TrainingState, train_loss: float) -> dict[str, float]:
    """What trackers are told of a step."""
    return {
        "train_loss": train_loss,
        "learning_rate": state.optimizer.param_groups[0]["lr"],
        "work_units": state.progress.work_units,
        "seconds": state.progress.seconds,
    }


def next_stage(state: TrainingState, records: Records, valid_loss: float) -> bool:
    """Leaves the stage if the early stop, where there is one, says so; whether it did."""
    progress, schedule, early_stop = state.progress, state.schedule, state.early_stop
    if early_stop is None:
        return False
    reason = early_stop.look(schedule, progress.iteration, progress.work_units, valid_loss)
    if reason is None:
        return False
    state.schedule = early_stop.next_stage(schedule, progress.iteration)
    records.event(f"iteration {progress.iteration}: {reason}")
    return True


def agreed(fabric: Fabric, asked: int | None) -> int | None:
    """The signal that any process was stopped by, so that all stop after the same step."""
    if fabric.world_size == 1:
        return asked
    signals = fabric.all_reduce(torch.tensor(asked or 0, device=fabric.device), reduce_op="max")
    assert isinstance(signals, Tensor)
    return int(signals.item()) or None


def _not_finite(state: TrainingState, estimate: Estimate, position: int) -> str:
    step, seed = state.progress.iteration, state.stream.seed
    number, stage = state.schedule.at(step)
    bad = [
        level + stage.coarsest
        for level, values in estimate.losses.items()
        if not values.isfinite().all()
    ]
    where = (
        f"loss, on level{'s' * (len(bad) > 1)} {', '.join(map(str, bad))}," if bad else "gradient"
    )
    return (
        f"{where} is not finite at iteration {step + 1}, stage {number} (seed {seed}, crops from "
        f"{position}). The update was not made and everything until then is kept. Try a lower "
        f"learning_rate."
    )
