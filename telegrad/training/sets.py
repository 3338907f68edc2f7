"""Validation on whole images of folders, beside crops: by the same code as `telegrad evaluate`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from telegrad.evaluation import ImageSet, Protocol, Row, measured
from telegrad.networks.tiles import Tiled
from telegrad.tasks import Task


@dataclass(frozen=True)
class SetsValidation:
    """Sets of whole images that a run is also measured on; the best model is not chosen by them.

    Attributes:
        sets: one or more.
        task: of the run.
        crop: height and width in pixels of what the network is trained on, where nothing is said.
        every: after so many validations on crops the sets are measured too; None for the end alone.
    """

    sets: tuple[ImageSet, ...]
    task: Task
    crop: int
    every: int | None = None

    def is_due(self, validations: int) -> bool:
        """Whether the sets are measured after so many validations."""
        return self.every is not None and validations % self.every == 0

    def times(self, validations: int) -> int:
        """How often they are measured in a run of so many validations; the end counts."""
        return 1 + (validations // self.every if self.every else 0)

    def rows(
        self,
        network: nn.Module,
        sets: Sequence[ImageSet] | None = None,
        crop: int | None = None,
    ) -> list[Row]:
        """What a network makes of each image; the network is left in the mode it was in.

        Args:
            network: on any device.
            sets: all of them, if not given.
            crop: height and width in pixels of what it was trained on last.
        """
        was_training = network.training
        network.eval()
        try:
            with torch.compiler.set_stance("force_eager"):  # each size would be compiled anew
                tiled = Tiled(network, self.task.call, crop or self.crop)
                return measured(tiled, self.task, sets or self.sets, Protocol())
        finally:
            network.train(was_training)

    def seconds(self, network: nn.Module) -> float:
        """What measuring all sets once takes, from the first image of each, by their pixels."""
        total = 0.0
        for a_set in self.sets:
            first = replace(a_set, images=a_set.images[:1])
            started = time.perf_counter()
            rows = self.rows(network, [first])
            seconds = time.perf_counter() - started
            total += seconds * a_set.pixels / (rows[0].height * rows[0].width)
        return total
