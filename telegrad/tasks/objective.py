"""What is trained: a task, and the loss of what a network makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from telegrad.losses import Loss, per_sample
from telegrad.tasks.base import Draw, Network, Task


@dataclass(frozen=True)
class Objective:
    """A task and a loss.

    >>> from telegrad.tasks import PaperDenoising
    >>> Objective(PaperDenoising()).loss
    MSE()

    Attributes:
        task: makes the draws and observes them.
        loss: of restored and clean images, see `per_sample`; the task's own if none is given. One
            that needs the width of the images' range is given the task's.
    """

    task: Task
    loss: Loss | Callable[[Tensor, Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", self.task.loss_on_range(self.loss))

    def losses(self, network: Network, draw: Draw) -> Tensor:
        """The loss of the network on each draw, shape (n,)."""
        return self.task.losses(network, draw, self.loss)

    def losses_of(self, restored: Tensor, clean: Tensor) -> Tensor:
        """The loss of each restored image (n, c, h, w), shape (n,)."""
        assert self.loss is not None
        return per_sample(self.loss, restored, clean)
