"""Which sample is used where: an endless, seeded order that depends on the position alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch

from telegrad.mge.weights import shell_sizes
from telegrad.schedules import Schedule


class Pick(NamedTuple):
    """A sample of the dataset, and what is to be made of it.

    Attributes:
        sample: its index in the dataset.
        position: among all picks of the stream; what is random about the pick follows from it.
        level: where it lies.
        patch: whether it is a patch of the finest level with the level's shape.
        shape: such as (height, width), to which it is resized, if it is.
    """

    sample: int
    position: int
    level: int
    patch: bool = False
    shape: tuple[int, ...] | None = None


class Picks:
    """The picks of each step of a schedule, as a batch sampler of torch's DataLoader.

    Each sample serves once before any serves again; the order of a round depends on (seed, round),
    so that changing batch sizes never restarts anything. Of several processes each gets every
    `world`-th pick of each level, from the `rank`-th on.

    Args:
        samples: in the dataset.
        schedule: which levels, how many samples on each.
        seed: of the order.
        step: the first one, counted from 0.
        position: picks before it.
        rank, world: this process's number, and how many there are.
        crops: picks of a sample that follow one another.
    """

    def __init__(
        self,
        samples: int,
        schedule: Schedule,
        seed: int,
        step: int = 0,
        position: int = 0,
        rank: int = 0,
        world: int = 1,
        crops: int = 1,
    ) -> None:
        self.samples, self.schedule, self.seed = samples, schedule, seed
        self.step, self.position, self.rank, self.world = step, position, rank, world
        self.crops = crops

    def __len__(self) -> int:
        return self.schedule.steps - self.step

    def __iter__(self) -> Iterator[list[Pick]]:
        position, patches = self.position, self.schedule.patches
        for step in range(self.step, self.schedule.steps):
            _, stage = self.schedule.at(step)
            picks = []
            for level, number in enumerate(
                shell_sizes(stage.batch_sizes, self.schedule.form), stage.coarsest
            ):
                for k in range(self.rank, number, self.world):
                    at = position + k
                    patch = int(patches * (at + 1)) > int(patches * at)
                    picks.append(Pick(self._sample(at), at, level, patch, stage.shape))
                position += number
            yield picks

    def _sample(self, position: int) -> int:
        turn, within = divmod(position // self.crops, self.samples)
        return _order(self.seed, turn, self.samples)[within]


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, samples: int) -> list[int]:
    draw = torch.Generator().manual_seed(mixed(seed, 1, turn))
    return torch.randperm(samples, generator=draw).tolist()


def mixed(*numbers: int) -> int:
    """One seed of several numbers, so that near numbers give seeds that are far apart.

    Source: the finalizer of SplitMix64; Steele, Lea, Flood, *Fast splittable pseudorandom number
    generators*, OOPSLA 2014.
    """
    seed = 0
    for number in numbers:
        seed = (seed ^ (number & _ALL)) + 0x9E3779B97F4A7C15 & _ALL
        seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & _ALL
        seed = (seed ^ seed >> 27) * 0x94D049BB133111EB & _ALL
        seed ^= seed >> 31
    return seed >> 1  # what generators take without a sign


_ALL = 2**64 - 1
