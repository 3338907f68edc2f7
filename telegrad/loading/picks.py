"""Which sample is used where: an endless, seeded order that depends on the position alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch

from telegrad.mge.weights import shell_sizes
from telegrad.schedules import Schedule


class Pick(NamedTuple):
    """A sample of the dataset, and what is to be made of it.

    Attributes:
        sample: its index in the dataset.
        position: among all picks of the stream.
        level: where it lies.
        place: of its crop on each axis, in [0, 1); every possible corner has an equal part of it.
        mirrored: whether it is mirrored, by datasets that do so.
        patch: whether it is a patch of the finest level with the level's shape.
        shape: such as (height, width), to which it is resized, if it is.
    """

    sample: int
    position: int
    level: int
    place: tuple[float, ...]
    mirrored: bool = False
    patch: bool = False
    shape: tuple[int, ...] | None = None


class Draws(Protocol):
    """What is random about picks. It follows from the position alone."""

    def order(self, turn: int, samples: int) -> Sequence[int]:
        """All samples once: the order of round `turn`."""

    def places(self, position: int, picks: int, axes: int) -> Places:
        """Where crops lie, for a step's picks from `position` on."""


class Places(NamedTuple):
    """Of the picks of a step: their places on each axis, and whether they are mirrored."""

    places: Sequence[Sequence[float]]
    mirrored: Sequence[bool]


class TorchDraws:
    """Draws by torch's generators.

    Args:
        seed: of all of them.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def order(self, turn: int, samples: int) -> Sequence[int]:
        return _order(self.seed, turn, samples)

    def places(self, position: int, picks: int, axes: int) -> Places:
        draw = torch.Generator().manual_seed(mixed(self.seed, 3, position))
        places = torch.rand(picks, axes, generator=draw, dtype=torch.float64)
        return Places(places.tolist(), (torch.rand(picks, generator=draw) < 0.5).tolist())


class Picks:
    """The picks of each step of a schedule, as a batch sampler of torch's DataLoader.

    Each sample serves once before any serves again; the order of a round depends on (seed, round),
    so that changing batch sizes never restarts anything. Of several processes each gets every
    `world`-th pick of each level, from the `rank`-th on.

    Args:
        samples: in the dataset.
        schedule: which levels, how many samples on each.
        draws: what is random.
        step: the first one, counted from 0.
        position: picks before it.
        rank, world: this process's number, and how many there are.
        crops: picks of a sample that follow one another.
    """

    def __init__(
        self,
        samples: int,
        schedule: Schedule,
        draws: Draws,
        step: int = 0,
        position: int = 0,
        rank: int = 0,
        world: int = 1,
        crops: int = 1,
    ) -> None:
        self.samples, self.schedule, self.draws = samples, schedule, draws
        self.step, self.position, self.rank, self.world = step, position, rank, world
        self.crops = crops

    def __len__(self) -> int:
        return self.schedule.steps - self.step

    def __iter__(self) -> Iterator[list[Pick]]:
        step, position = self.step, self.position
        while step < self.schedule.steps:  # which may be another one by and by
            _, stage = self.schedule.at(step)
            numbers = shell_sizes(stage.batch_sizes, self.schedule.form)
            yield self.of_levels(numbers, stage.coarsest, position, stage.shape)
            step, position = step + 1, position + sum(numbers)

    def of_levels(
        self,
        numbers: Sequence[int],
        coarsest: int,
        position: int,
        shape: tuple[int, ...] | None = None,
    ) -> list[Pick]:
        """This process's part of `numbers[k]` picks on level `coarsest + k`, for each k."""
        patches, axes = self.schedule.patches, len(self.schedule.grids.finest)
        places, mirrored = self.draws.places(position, sum(numbers), axes)
        picks, first = [], 0
        for level, number in enumerate(numbers, coarsest):
            for k in range(first + self.rank, first + number, self.world):
                at = position + k
                turn, within = divmod(at // self.crops, self.samples)
                picks.append(
                    Pick(
                        sample=int(self.draws.order(turn, self.samples)[within]),
                        position=at,
                        level=level,
                        place=tuple(places[k]),
                        mirrored=bool(mirrored[k]),
                        patch=int(patches * (at + 1)) > int(patches * at),
                        shape=shape,
                    )
                )
            first += number
        return picks


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
