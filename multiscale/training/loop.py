"""The training loop: one step is shells, draws, multiscale gradient, update."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from multiscale.data.stream import CropStream, to_images
from multiscale.estimator import Shells, multiscale_backward, shell_sizes
from multiscale.schedules import Schedule
from multiscale.tasks import Draw, Task
from multiscale.training.checkpoint import save_best
from multiscale.training.evaluate import Validation
from multiscale.training.records import Records

NOISE = 2  # the streams of one seed: 0 and 1 are the crops' (see CropStream), 2 is the noise


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        best_loss: lowest validation loss.
        best_iteration: where it was reached; iterations count from 1.
        work_units: spent in all.
        seconds: of training, validation and saving not counted.
    """

    best_loss: float
    best_iteration: int
    work_units: float
    seconds: float


def train(
    fabric: Fabric,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    learning_rate: torch.optim.lr_scheduler.LRScheduler,
    task: Task,
    schedule: Schedule,
    stream: CropStream,
    validation: Validation,
    records: Records,
    bar: tqdm,
    validations: int = 20,
) -> Outcome:
    """Trains `network` along `schedule`; keeps the best model by validation loss.

    Args:
        fabric: has set up `network` and `optimizer`.
        learning_rate: stepped once after every update.
        stream: of crops; its seed is also the seed of the noise.
        bar: counts work units; see `progress_bar`.
        validations: how many, evenly spread over the work; each stage also ends with one.

    Raises:
        FloatingPointError: for a loss that is not finite, before it reaches the weights.
    """
    noise = torch.Generator(fabric.device)
    validate_after = validation_steps(schedule, validations)
    best_loss, best_iteration, work, seconds = math.inf, 0, 0.0, 0.0

    network.train()
    for step, number, stage in schedule.walk():
        started = time.perf_counter()
        noise.manual_seed(seed_of(stream.seed, NOISE, step))
        crops = stream.take(shell_sizes(stage.batch_sizes, schedule.form), stage.coarsest)
        shells = Shells([draw_shell(fabric, task, crop, noise) for crop in crops])

        optimizer.zero_grad(set_to_none=True)
        estimate = multiscale_backward(
            lambda draw: task.losses(network, draw),
            shells,
            schedule.stage_grids(stage),
            stage.batch_sizes,
            form=schedule.form,
            restriction=task.restriction,
            backward=fabric.backward,
        )
        loss = estimate.loss.item()  # the step's one wait for the device
        if not math.isfinite(loss):
            raise FloatingPointError(_not_finite(step, number, stage.coarsest, estimate.losses))
        optimizer.step()
        learning_rate.step()
        seconds += time.perf_counter() - started
        work += estimate.work_units

        records.trained(step + 1, loss, seconds)
        bar.update(estimate.work_units)
        if step in validate_after:
            quality = validation.evaluate(network)
            records.validated(
                iteration=step + 1,
                stage=number,
                level=stage.finest,
                work_units=work,
                seconds=seconds,
                train_loss=loss,
                valid_loss=quality.loss,
                valid_psnr=quality.mean_psnr,
                valid_ssim=quality.mean_ssim,
                learning_rate=learning_rate.get_last_lr()[0],
            )
            bar.set_postfix_str(f"loss {quality.loss:.3g}, PSNR {quality.mean_psnr:.2f} dB")
            if quality.loss < best_loss:
                best_loss, best_iteration = quality.loss, step + 1
                save_best(
                    records.best,
                    network,
                    optimizer,
                    level=stage.finest,
                    iteration=step + 1,
                    train_loss=loss,
                    valid_loss=quality.loss,
                    configuration=records.configuration,
                )
    return Outcome(best_loss, best_iteration, work, seconds)


def progress_bar(schedule: Schedule) -> tqdm:
    """Counts work units, since steps of different stages take different times."""
    form = "{percentage:3.0f}%|{bar}| {n:,.0f}/{total:,.0f} WU [{elapsed}<{remaining}{postfix}]"
    return tqdm(total=schedule.work_units, bar_format=form, smoothing=0.02, dynamic_ncols=True)


def draw_shell(
    fabric: Fabric, task: Task, crops: Tensor | None, noise: torch.Generator
) -> Draw | None:
    """One shell's draws, made on the shell's own level."""
    if crops is None:
        return None
    return task.draw(to_images(crops.to(fabric.device, non_blocking=True)), noise)


def validation_steps(schedule: Schedule, validations: int) -> set[int]:
    """Steps to validate after: evenly spread over the work, and the last of every stage."""
    steps, work = set(), 0.0
    interval = schedule.work_units / validations
    for step, _, stage in schedule.walk():
        before, work = work, work + schedule.step_cost(stage)
        if before // interval != work // interval:
            steps.add(step)
    ends = np.cumsum([stage.steps for stage in schedule.stages]) - 1
    return steps | set(ends.tolist())


def seed_of(*path: int) -> int:
    """An independent seed for each path of numbers, such as (seed, stream, step)."""
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0] >> 1)


def _not_finite(step: int, number: int, coarsest: int, losses: dict[int, Tensor]) -> str:
    bad = [level + coarsest for level, values in losses.items() if not values.isfinite().all()]
    where = f"level{'s' * (len(bad) > 1)} {', '.join(map(str, bad))}" if bad else "the weighted sum"
    return (
        f"loss is not finite at iteration {step + 1}, stage {number}, on {where}. The update was "
        f"not made and the best model until now is kept. Try a lower learning_rate."
    )
