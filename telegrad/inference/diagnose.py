"""A network diagnosed on the draws that it trains on: from a run to statistics of the levels."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from telegrad.bars import Bar
from telegrad.data.stream import CropStream
from telegrad.diagnostics import LevelStatistics, level_statistics
from telegrad.runs.build import (
    Device,
    build_objective,
    build_schedule,
    check_large_sizes,
    check_sizes,
    training_pyramid,
)
from telegrad.runs.config import Config
from telegrad.schedules import Multiscale
from telegrad.tasks import Draw
from telegrad.training.draws import PROBE, draw_shell, rules_of, seed_of


def diagnose(
    config: Config,
    network: nn.Module,
    draws: int = 48,
    budget: float = 16.0,
    device: Device = "cpu",
    seed: int = 0,
    shown: bool = False,
) -> LevelStatistics:
    """Statistics of the gradient in training: on training images, with the network in `train` mode.

    Beside the draws on the finest level as many are made directly on each coarser one, as training
    makes them, to test that the telescoping sum holds.

    Args:
        config: task, loss, images and levels; see `all_levels`.
        network: to be diagnosed; it is put on the device, and left in the mode in which it was.
        draws: 2 or more.
        budget: work units of a step.
        device: of network and draws.
        seed: of draws, dropout and confidence intervals.
        shown: whether there is a bar of progress.

    Raises:
        ValueError, OSError: for bad input.
    """
    check_sizes(config, network)
    objective, grids = build_objective(config), build_schedule(config).grids
    stream = CropStream(training_pyramid(config, config.build_data().source().train), seed)
    check_large_sizes(config, network)
    noise = torch.Generator(device).manual_seed(seed_of(seed, PROBE))

    (finest,) = stream.take([draws], grids.levels - 1)
    own = stream.take([draws] * (grids.levels - 1) + [0])
    was_training = network.training
    network.to(device).train()
    bar = Bar(desc="measuring", unit=" gradients", disable=not shown, leave=False)

    def losses(draw: Draw) -> Tensor:
        bar.update()
        return objective.losses(network, draw)

    try:
        draws_on_finest = draw_shell(device, objective.task, finest, noise)
        return level_statistics(
            losses,
            draws_on_finest,
            grids,
            network.parameters(),
            restriction=rules_of(objective.task, [draws_on_finest]),
            own=[draw_shell(device, objective.task, crops, noise) for crops in own],
            budget=budget,
            seed=seed,
        )
    finally:
        bar.close()
        network.train(was_training)


def all_levels(config: Config, levels: int | None = None) -> Config:
    """The run with all its levels in use at once, as a telescoping sum.

    >>> from telegrad.runs.compose import compose
    >>> cascadic = compose({"size": 32, "batch_sizes": [4, 2], "strategy": "Cascadic"})
    >>> build_schedule(all_levels(cascadic)).grids.levels
    2

    Args:
        config: of a run.
        levels: how many; as many as the run has if not given.
    """
    if levels is None:
        levels = build_schedule(config).grids.levels
    return replace(config, strategy=Multiscale(levels=levels))
