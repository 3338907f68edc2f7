"""A network diagnosed on the draws that it trains on: from a recipe to statistics of the levels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from telegrad.data.stream import CropStream
from telegrad.diagnostics.measure import level_statistics
from telegrad.diagnostics.statistics import LevelStatistics
from telegrad.runs.recipes import PATCH_OPTIONS, Device, Recipe
from telegrad.training.draws import PROBE, draw_shell, seed_of


def diagnose(
    recipe: Recipe,
    network: nn.Module,
    draws: int = 48,
    budget: float = 16.0,
    device: Device = "cpu",
    seed: int = 0,
) -> LevelStatistics:
    """Statistics of the gradient in training: on training images, with the network in `train` mode.

    Beside the draws on the finest level as many are made directly on each coarser one, as training
    makes them, to test that the telescoping sum holds.

    Args:
        recipe: task, images and levels; see `probing`.
        network: to be diagnosed; it is put on the device, and left in the mode in which it was.
        draws: 2 or more.
        budget: work units of a step.
        device: of network and draws.
        seed: of draws, dropout and confidence intervals.

    Raises:
        ValueError, OSError: for bad input.
    """
    recipe.check_sizes(network)
    task, grids = recipe.build_task(), recipe.build_grids()
    stream = CropStream(recipe.build_pyramid(recipe.build_source().train), seed)
    noise = torch.Generator(device).manual_seed(seed_of(seed, PROBE))

    (finest,) = stream.take([draws], grids.levels - 1)
    own = stream.take([draws] * (grids.levels - 1) + [0])
    was_training = network.training
    network.to(device).train()
    try:
        return level_statistics(
            lambda draw: task.losses(network, draw),
            draw_shell(device, task, finest, noise),
            grids,
            network.parameters(),
            restriction=task.restriction,
            own=[draw_shell(device, task, crops, noise) for crops in own],
            budget=budget,
            seed=seed,
        )
    finally:
        network.train(was_training)


def probing(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with all its levels in use, and with those changes that are not None.

    >>> probing(Recipe(img_size=32, batch_sizes=[4, 2], mode="cascadic")).build_grids().levels
    2
    """
    given = {name: value for name, value in changes.items() if value is not None}
    if "dataset" in given:
        given = {"data_dir": None, **dict.fromkeys(PATCH_OPTIONS), **given}
    if "img_size" not in given and "dataset" not in given:
        given = {"levels": recipe.build_grids().levels, **given}
    else:
        given = {"img_size": recipe.size, "levels": None, **given}
    schedule = dict.fromkeys(
        ("batch_size", "batch_sizes", "ratio", "iterations", "work_units", "budget", "shares")
    )
    return replace(recipe, mode="multiscale", **{**schedule, **given})
