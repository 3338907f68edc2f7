"""The training loop: one step is shells, draws, multiscale gradient, update."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch import Tensor

from telegrad.mge.estimator import Estimate, multiscale_backward
from telegrad.records.records import Records
from telegrad.tasks import Draw, Task
from telegrad.training.adapt import adapt
from telegrad.training.checkpoint import save_best, write_state
from telegrad.training.draws import draw_shells
from telegrad.training.forecast import ProgressBar, validation_steps
from telegrad.training.interruptions import Interrupted, Interruptions
from telegrad.training.state import TrainingState
from telegrad.training.validation import Validation


def train(
    fabric: Fabric,
    state: TrainingState,
    task: Task,
    validation: Validation,
    records: Records,
    bar: ProgressBar,
    *,
    validations: int = 20,
    skips: int = 0,
    save_every: float = 300.0,
) -> None:
    """Trains along the state's schedule from where it is; keeps the best model by validation loss.

    Args:
        fabric: has set up the state's network and optimizer.
        state: what changes; it is saved after every validation, and between them.
        bar: counts work units; see `forecast.progress_bar`.
        validations: how many, evenly spread over the work; each stage also ends with one.
        skips: updates that may be left out because loss or gradient is not finite.
        save_every: seconds from one save to the next, where validations are farther apart.

    Raises:
        FloatingPointError: for a loss or gradient that is not finite, before it reaches the
            weights, unless it may be skipped.
        MemoryError: when a pass needs more memory than there is; names level and batch size.
        Interrupted: by Ctrl-C or SIGTERM, after the step is finished and the state saved.
    """
    progress, saved = state.progress, time.perf_counter()
    validate_after = validation_steps(state.schedule, validations)
    state.network.train()
    with Interruptions() as interruptions:
        while progress.iteration < state.schedule.steps:
            step, before = progress.iteration, progress.work_units
            loss = take_step(fabric, state, task, records, skips)
            records.trained(step + 1, loss, progress.seconds)
            validates = step in validate_after
            if validates:
                validated = validate(fabric, state, validation, records, bar, loss)
                moved = moved_on(state, records, validated)
                if adapt(fabric, state, task, records) or moved:
                    validate_after = validation_steps(state.schedule, validations)
                    bar.follow(state.schedule)
            asked = agreed(fabric, interruptions.asked)
            due = time.perf_counter() - saved > save_every
            if (validates or due or asked) and fabric.is_global_zero:
                write_state(records.last, state.state_dict())
                saved = time.perf_counter()
            bar.update(progress.work_units - before)
            if asked:
                raise Interrupted(asked, step + 1)


def agreed(fabric: Fabric, asked: int | None) -> int | None:
    """The signal that any process was stopped by, so that all stop after the same step."""
    if fabric.world_size == 1:
        return asked
    signals = fabric.all_reduce(torch.tensor(asked or 0, device=fabric.device), reduce_op="max")
    assert isinstance(signals, Tensor)
    return int(signals.item()) or None


def take_step(
    fabric: Fabric,
    state: TrainingState,
    task: Task,
    records: Records,
    skips: int = 0,
) -> float:
    """Gradient and update of one step, and the state's progress; returns the step's loss."""
    progress, position, started = state.progress, state.stream.position, time.perf_counter()
    for group in state.optimizer.param_groups:
        group["lr"] = state.learning_rate.at(state.schedule, progress)
    estimate = gradient(fabric, state, task)
    loss, norm = torch.stack([estimate.loss, gradient_norm(state)]).tolist()  # a sync point
    if math.isfinite(loss) and math.isfinite(norm):
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.network)
    else:
        progress.skipped += 1
        what = _not_finite(state, estimate, position)
        records.event(what)
        if progress.skipped > skips:
            raise FloatingPointError(what)
    progress.iteration += 1
    progress.seconds += time.perf_counter() - started
    progress.work_units += estimate.work_units
    return loss


def gradient(fabric: Fabric, state: TrainingState, task: Task) -> Estimate:
    """Adds the gradient of one step to `.grad`, averaged over all processes.

    Batch sizes are those of all processes together; each takes an equal part on every level. The
    mean of their estimates is the estimate of all draws, since its weights go as 1/N_l. They
    synchronize once, after the last pass, which is the cheapest: nothing is lost by waiting for it.
    """
    world, schedule = fabric.world_size, state.schedule
    _, stage = schedule.at(state.progress.iteration)
    sizes = tuple(n // world for n in stage.batch_sizes)
    shells = draw_shells(fabric, state, task)
    last_pass: list[tuple[int, ...]] = []

    def losses(draw: Draw) -> Tensor:
        last_pass[:] = [tuple(draw["clean"].shape)]
        return task.losses(state.network, draw)

    state.optimizer.zero_grad(set_to_none=True)
    alone = fabric.no_backward_sync(state.network) if world > 1 else nullcontext()  # type: ignore[arg-type]
    try:
        with alone:
            estimate = multiscale_backward(
                losses,
                shells,
                schedule.stage_grids(stage),
                sizes,
                form=schedule.form,
                alphas=stage.alphas,
                restriction=task.restriction,
                backward=fabric.backward,
            )
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "not enough memory" not in str(error):
            raise
        n, _, height, width = last_pass[0]
        raise MemoryError(
            f"out of memory at iteration {state.progress.iteration + 1}, in the pass of {n} images "
            f"of {height}×{width}; batch_sizes={list(stage.batch_sizes)}, coarsest first, up to "
            f"level {stage.finest}. Lower that level's batch size, img_size or channels. What was "
            f"saved is kept."
        ) from error
    return averaged(fabric, state, estimate) if world > 1 else estimate


def averaged(fabric: Fabric, state: TrainingState, estimate: Estimate) -> Estimate:
    """The mean of gradient and loss over all processes, in one exchange."""
    gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
    flat = torch.cat([estimate.loss.reshape(1).float(), *(g.flatten() for g in gradients)])
    mean_of_all = fabric.all_reduce(flat, reduce_op="mean")
    assert isinstance(mean_of_all, Tensor)
    loss, *parts = mean_of_all.split([1, *(g.numel() for g in gradients)])
    for own, mean in zip(gradients, parts, strict=True):
        own.copy_(mean.view_as(own))
    work_units = estimate.work_units * fabric.world_size
    return replace(estimate, loss=loss.squeeze(0), work_units=work_units)


def gradient_norm(state: TrainingState) -> Tensor:
    """Norm of the whole gradient, not waited for."""
    trained = (p for group in state.optimizer.param_groups for p in group["params"])
    gradients = [p.grad for p in trained if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


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
    bar.set_postfix_str(f"loss {quality.loss:.3g}, PSNR {quality.mean_psnr:.2f} dB", refresh=False)
    if quality.loss < progress.best_loss:
        progress.best_loss, progress.best_iteration = quality.loss, progress.iteration
        save_best(
            records.best,
            state.evaluated,
            state.optimizer,
            level=stage.finest,
            iteration=progress.iteration,
            train_loss=train_loss,
            valid_loss=quality.loss,
            configuration=records.configuration,
        )
    return float(fabric.broadcast(quality.loss))


def moved_on(state: TrainingState, records: Records, loss: float) -> bool:
    """Whether the controller, if there is one, has ended the stage early; it says why."""
    progress, schedule, controller = state.progress, state.schedule, state.controller
    if controller is None:
        return False
    reason = controller.look(schedule, progress.iteration, progress.work_units, loss)
    if reason is None:
        return False
    state.schedule = schedule.moved_on(progress.iteration)
    records.event(f"iteration {progress.iteration}: {reason}")
    return True


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
