"""Datasets that have their samples on every level already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from telegrad.loading.picks import Pick
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.restriction import Rules


class OnLevels(Protocol):
    """A dataset that opens no more of a sample than a pick wants, such as `Pyramid`.

    What it gives must be distributed as restricted samples are, or the sum does not telescope.

    Attributes:
        grids: all levels, those of the schedule.
        restriction: by which its coarse samples are made of fine ones; see `restrict`.
    """

    @property
    def grids(self) -> GridHierarchy: ...

    @property
    def restriction(self) -> Rules: ...

    def __len__(self) -> int: ...

    def on_level(self, pick: Pick) -> Any:
        """The crop of a pick, on its level."""

    def collated(self, samples: Sequence[Any]) -> Any:
        """A batch of what `on_level` gave."""
