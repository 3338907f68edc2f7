"""What is random in a step: crops, noise and times, and the network's own; each by its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from telegrad.data.pyramid import Crops, resized
from telegrad.mge.batches import map_fields
from telegrad.mge.restriction import Restriction
from telegrad.mge.shells import Shells
from telegrad.tasks import Draw, Task
from telegrad.training.state import TrainingState
from telegrad.training.turns import turned

if TYPE_CHECKING:
    from lightning_fabric import Fabric

NOISE, NETWORK, PROBE = 2, 3, 4  # the streams of one seed: 0 and 1 are the crops' (see CropStream)


def draw_shells(fabric: Fabric, state: TrainingState, task: Task) -> Shells:
    """This process's draws of a step. They depend on seed, step, rank and number of processes."""
    rank, seed, step = fabric.global_rank, state.stream.seed, state.progress.iteration
    _, stage = state.schedule.at(step)
    of_rank = (step, rank) if rank else (step,)
    noise = torch.Generator(fabric.device).manual_seed(seed_of(seed, NOISE, *of_rank))
    seed_network(fabric.device, seed_of(seed, NETWORK, *of_rank))
    crops = state.stream.of_step(state.schedule, step, rank, fabric.world_size)
    resized_to = None if state.schedule.patches else stage.shape  # patches are cut in it
    return Shells([draw_shell(fabric.device, task, crop, noise, resized_to) for crop in crops])


def draw_shell(
    device: torch.device | str,
    task: Task,
    crops: Crops | None,
    noise: torch.Generator,
    shape: tuple[int, ...] | None = None,
) -> Draw | None:
    """One shell's draws, made on the shell's own level, or of images resized to `shape`."""
    if crops is None:
        return None
    on_device = map_fields(lambda _, pixels: pixels.to(device, non_blocking=True), crops)
    images = task.images(on_device)
    if task.turns:
        images = turned(images, noise)
    return task.draw(**(resized(images, shape) if shape else images), generator=noise)


def rules_of(task: Task, draws: Sequence[Draw | None]) -> dict[Any, Restriction]:
    """The task's rules for the fields of its draws; `Task` names noise, which not all have."""
    fields = {key for draw in draws if draw is not None for key in draw}
    return {key: rule for key, rule in task.rules.items() if key in fields}


def seed_network(device: torch.device, seed: int) -> None:
    """Seeds what a network draws itself on its device, such as dropout.

    `torch.manual_seed` seeds every kind of device there is, which takes as long as a small pass.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.get_device_module(device).manual_seed(seed)


def seed_of(*path: int) -> int:
    """An independent seed for each path of numbers, such as (seed, stream, step)."""
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0] >> 1)
