"""What tasks share whose network makes larger images than it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from telegrad.mge.restriction import Restriction
from telegrad.tasks.base import Draw
from telegrad.tasks.bicubic import bicubic
from telegrad.tasks.restoration import RestorationTask


@dataclass(frozen=True, kw_only=True)
class EnlargingTask(RestorationTask):
    """A task of an image and a companion, `low`, which is smaller by `scale`, 1 or more, a side."""

    pairs: ClassVar[bool] = True
    stored: ClassVar[bool] = True

    @property
    def divisor(self) -> int:  # type: ignore[override]
        return self.scale

    @property
    def smallest(self) -> int:  # type: ignore[override]
        """Four pixels of the companion, if the network enlarges it."""
        return 1 if self.scale == 1 else 4 * self.scale

    @property
    def smallest_useful(self) -> int:
        return 8 * self.scale

    @property
    def enlarges(self) -> int:
        return self.scale

    @property
    def rules(self) -> Mapping[object, Restriction]:
        return {"clean": self.restriction, "low": self.restriction}

    def unrestored(self, draw: Draw) -> Tensor:
        """What the network is given; enlarged by bicubic interpolation, if it is smaller."""
        given = self.observe(draw)
        return given if self.scale == 1 else bicubic(given, tuple(draw["clean"].shape[-2:]))
