"""Batch sizes and coefficients chosen anew while a run trains, from a few draws' gradients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from telegrad.data.stream import CropStream
from telegrad.diagnostics import LevelStatistics, level_statistics
from telegrad.records import Records
from telegrad.schedules import Stage
from telegrad.schedules.adaptation import best_allocation_of
from telegrad.tasks import Objective
from telegrad.training.draws import PROBE, draw_shell, rules_of, seed_of
from telegrad.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def adapt(fabric: Fabric, state: TrainingState, objective: Objective, records: Records) -> bool:
    """Measures if it may, and gives the steps that follow the batch sizes predicted to be the best.

    The work of measuring is taken from the stage. Returns whether the schedule has changed.
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
        statistics = statistics_up_to(stage, fabric, state, objective)
    except FloatingPointError as error:
        records.event(f"iteration {progress.iteration}: batches stay as they are: {error}")
        return False
    budget = adaptation.budgets[stage.finest]
    best = best_allocation_of(statistics, schedule, budget)
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
    records.level_statistics(progress.iteration, statistics)
    return True


def statistics_up_to(
    stage: Stage, fabric: Fabric, state: TrainingState, objective: Objective
) -> LevelStatistics:
    """Statistics of the levels up to the stage's finest one, on draws of their own."""
    adaptation, step, seed = state.adaptation, state.progress.iteration, state.stream.seed
    assert adaptation is not None
    draws_seed = seed_of(seed, PROBE, step)
    noise = torch.Generator(fabric.device).manual_seed(draws_seed)
    stream = CropStream(state.stream.pyramid, draws_seed)
    (crops,) = stream.take([adaptation.draws], stage.finest)
    draws = draw_shell(fabric.device, objective.task, crops, noise)
    return level_statistics(
        lambda draw: objective.losses(state.network, draw),
        draws,
        state.schedule.grids.between(0, stage.finest),
        state.network.parameters(),
        restriction=rules_of(objective.task, [draws]),
        budget=adaptation.budgets[stage.finest],
        timing=0,
        seed=draws_seed % 2**32,
    )
