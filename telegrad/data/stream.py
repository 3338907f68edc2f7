"""An endless, seeded, resumable stream of random crops, each on the level where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from telegrad.data.pyramid import Crops, Pyramid
from telegrad.loading import ScheduledLoader
from telegrad.loading.picks import Picks, Places
from telegrad.loading.samples import Samples
from telegrad.mge.numbers import is_whole
from telegrad.schedules import Schedule, Stage


@dataclass(frozen=True)
class NumpyDraws:
    """Order and crops by NumPy's generators, as runs have had them since version 0.1.

    Attributes:
        seed: of all of them.
    """

    seed: int

    def order(self, turn: int, samples: int) -> Sequence[int]:
        return _order(self.seed, turn, samples)

    def places(self, position: int, picks: int, axes: int) -> Places:
        draw = np.random.default_rng((self.seed, 0, position))
        return Places(draw.random((picks, axes)).tolist(), (draw.random(picks) < 0.5).tolist())


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, images: int) -> list[int]:
    order: list[int] = np.random.default_rng((seed, 1, turn)).permutation(images).tolist()
    return order


@dataclass
class CropStream:
    """Random crops, mirrored half of the time; each image serves once before any serves again.

    All that the stream remembers is `position`, the number of crops taken so far: setting it is
    resuming. The order of the images depends on (seed, round), the corners on (seed, position), so
    changing batch sizes never restarts anything.

    Args:
        pyramid: the images.
        seed: of the stream.
        position: crops taken so far.
        loading: how `of_step` reads ahead; arguments of torch's DataLoader, such as num_workers.
    """

    pyramid: Pyramid
    seed: int
    position: int = 0
    loading: dict[str, Any] = field(default_factory=dict)
    _loader: ScheduledLoader | None = field(default=None, init=False, repr=False)
    _next: tuple[Any, ...] = field(default=(), init=False, repr=False)

    def of_step(
        self, schedule: Schedule, step: int, rank: int = 0, world: int = 1
    ) -> list[Crops | None]:
        """The next crops, for that step of a schedule; None for a level that needs none.

        Steps that follow one another are read ahead.

        Returns:
            as `take`.
        """
        asked = schedule, step, self.position, rank, world
        if self._loader is None or self._next != asked:
            self._loader = ScheduledLoader(
                self.pyramid,
                schedule.of_batches(),  # the rest is the run's affair
                draws=NumpyDraws(self.seed),
                rank=rank,
                world=world,
                **self.loading,
            )
            self._loader.seek(step, self.position)
        now = self._loader.next_step()
        self.position = self._loader.position
        self._next = schedule, step + 1, self.position, rank, world
        return [now.batches.get(level) for level in now.levels]

    def take(
        self,
        numbers: Sequence[int],
        first_level: int = 0,
        rank: int = 0,
        world: int = 1,
        patches: float = 0.0,
    ) -> list[Crops | None]:
        """The next crops, `numbers[k]` of them on level `first_level + k`; None where that is 0.

        The part `patches` of them, in [0, 1], evenly spread, have that level's shape but show the
        finest level's pixels. Of several processes that share the stream, each passes the same
        numbers and gets its own part: every `world`-th crop of each level, from the `rank`-th on.

        Returns:
            coarsest level first; uint8 tensors (n, 3, h, w) in channels-last memory.
        """
        grids = self.pyramid.grids
        if not all(is_whole(n) and n >= 0 for n in numbers):
            raise ValueError(
                f"CropStream.take: numbers={tuple(numbers)}; needs whole numbers of at least 0, "
                f"one a level."
            )
        if not 0 <= first_level <= grids.levels - len(numbers) or not 0 <= rank < world:
            raise ValueError(
                f"CropStream.take: {len(numbers)} numbers from level {first_level} on, rank={rank} "
                f"of world={world}; needs levels in 0 … {grids.levels - 1} and a rank below world."
            )
        if not 0 <= patches <= 1:
            raise ValueError(f"CropStream.take: patches={patches}; needs a part in [0, 1].")
        any_stage = Schedule(grids, (Stage(1, 0, (1,)),), patches=patches)
        draws = NumpyDraws(self.seed)
        picks = Picks(len(self.pyramid), any_stage, draws, rank=rank, world=world)
        samples = Samples(self.pyramid, grids, self.pyramid.restriction, self.seed)
        wanted = picks.of_levels(numbers, first_level, self.position)
        batches = samples.collated([samples[pick] for pick in wanted])
        self.position += sum(numbers)
        return [batches.get(level) for level in range(first_level, first_level + len(numbers))]


def grid_of_crops(pyramid: Pyramid, number: int) -> Crops:
    """`number` crops on the finest level, spread evenly over all images, the same every time."""
    images = len(pyramid.images)
    crops = []
    for k in range(number):
        image, nth, of = k % images, k // images, -(-number // images)
        side = int(np.ceil(np.sqrt(of)))
        place = [(position + 0.5) / side for position in divmod(nth, side)]
        crops.append(pyramid.crop(image, place, pyramid.grids.levels - 1))
    return pyramid.collated(crops)
