"""Batch sizes and coefficients chosen anew in the midst of a run, from a probe of the gradients."""

from __future__ import annotations

import time

import torch
from lightning_fabric import Fabric

from telegrad.data.stream import CropStream
from telegrad.diagnostics.measure import level_statistics
from telegrad.diagnostics.statistics import LevelStatistics
from telegrad.records.records import Records
from telegrad.schedules.adaptation import chosen
from telegrad.schedules.schedule import Stage
from telegrad.tasks import Task
from telegrad.training.draws import PROBE, draw_shell, seed_of
from telegrad.training.state import TrainingState


def adapt(fabric: Fabric, state: TrainingState, task: Task, records: Records) -> bool:
    """Probes if it may, and gives the steps that follow the batch sizes found best.

    The work of the probe is taken from the stage. Returns whether the schedule has changed.
    """
    adaptation, schedule, progress = state.adaptation, state.schedule, state.progress
    done, work_units = progress.iteration, progress.work_units
    ended = done >= schedule.steps
    if adaptation is None or ended or not adaptation.due(schedule, done, work_units):
        return False
    _, stage = schedule.at(progress.iteration)
    started, cost = time.perf_counter(), adaptation.cost(schedule, stage)
    adaptation.spent += cost
    try:
        statistics = probed(fabric, state, task, stage)
    except FloatingPointError as error:
        records.event(f"iteration {progress.iteration}: batches stay as they are: {error}")
        return False
    budget = adaptation.budgets[stage.finest]
    best = chosen(statistics, schedule, budget)
    sizes: tuple[int, ...]
    alphas: tuple[float, ...] | None
    if best is None:
        sizes = (int(budget / schedule.grids.cost(stage.finest)),)
        alphas, reason = None, "several levels are not surely better"
    else:
        sizes = tuple(int(n) for n in best.batch_sizes)
        alphas = tuple(best.alphas)
        reason = f"predicted {statistics.gain(best)} less work for the same variance"
    state.schedule = schedule.changed(progress.iteration, sizes, alphas, less=cost)
    progress.seconds += time.perf_counter() - started
    _, new = state.schedule.at(progress.iteration)
    with_alphas = "" if new.alphas is None else f", α {'/'.join(f'{a:.2f}' for a in new.alphas)}"
    records.event(
        f"iteration {progress.iteration}: batches {'/'.join(map(str, new.batch_sizes))} on levels "
        f"{new.coarsest}..{new.finest}{with_alphas}: {reason}"
    )
    records.probed(progress.iteration, statistics)
    return True


def probed(fabric: Fabric, state: TrainingState, task: Task, stage: Stage) -> LevelStatistics:
    """Statistics of the levels up to the stage's finest one, on draws of their own."""
    adaptation, step, seed = state.adaptation, state.progress.iteration, state.stream.seed
    assert adaptation is not None
    draws_seed = seed_of(seed, PROBE, step)
    noise = torch.Generator(fabric.device).manual_seed(draws_seed)
    stream = CropStream(state.stream.pyramid, draws_seed)
    (crops,) = stream.take([adaptation.draws], stage.finest)
    return level_statistics(
        lambda draw: task.losses(state.network, draw),
        draw_shell(fabric.device, task, crops, noise),
        state.schedule.grids.between(0, stage.finest),
        state.network.parameters(),
        restriction=task.restriction,
        budget=adaptation.budgets[stage.finest],
        timing=0,
        seed=draws_seed % 2**32,
    )
