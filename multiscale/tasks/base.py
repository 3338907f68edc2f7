"""A task: what is random in a draw, how a draw is observed on any level, and what the loss is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from multiscale.grids import Restriction

Draw = dict[str, Tensor]
"""Fields of n draws on one level, by name; the samples come first."""

Network = Callable[..., Tensor]
"""Called as network(images, times), images (n, c, h, w) in [−1, 1], times (n,) in [0, 1]."""


class Task(ABC):
    """One restoration problem, posed alike on every level.

    `draw` makes everything random about a sample on the sample's own finest level. The estimator
    then restricts the draw, each field by its kind in `restriction`, and `observe` looks at it on
    whichever level it lies: first restrict, then observe, so that a coarse level poses the same
    problem at the same noise.
    """

    name: ClassVar[str]
    restriction: Mapping[Any, Restriction]

    @abstractmethod
    def draw(self, clean: Tensor, generator: Any) -> Draw:
        """Draws of clean images (n, 3, h, w) in [−1, 1]; all randomness comes from `generator`."""

    @abstractmethod
    def observe(self, draw: Draw) -> Tensor:
        """The corrupted images (n, 3, h, w) that the network is given."""

    @abstractmethod
    def restore(self, network: Network, draw: Draw) -> Tensor:
        """The network's restored images (n, 3, h, w)."""

    @abstractmethod
    def losses(self, network: Network, draw: Draw) -> Tensor:
        """The loss of each draw, shape (n,)."""
