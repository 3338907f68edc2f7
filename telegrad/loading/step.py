"""One step of a schedule: its batch, and the gradient in place of `loss.backward()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from telegrad.mge import Estimate, Shells, multiscale_backward
from telegrad.mge.batches import on_device
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.restriction import Rules
from telegrad.mge.weights import Form


@dataclass(frozen=True)
class Step:
    """One step of a schedule.

    Attributes:
        number: of the step, counted from 0.
        stage: number of the stage.
        level: the finest that is used; 0 is the coarsest of the schedule.
        batches: by level; samples first.
        grids: the levels that the step uses.
        batch_sizes: on these levels, coarsest first, of this process.
        work_units: what it costs, of all processes.
        progress: part of the schedule's work that is done with it, in (0, 1].
    """

    number: int
    stage: int
    level: int
    batches: Mapping[int, Any] = field(repr=False)
    grids: GridHierarchy = field(repr=False)
    batch_sizes: tuple[int, ...]
    work_units: float
    progress: float
    form: Form = "nested"
    alphas: tuple[float, ...] | None = None
    restriction: Rules = field(default="averaging", repr=False)

    @property
    def levels(self) -> range:
        """The levels that it uses, coarsest first."""
        return range(self.level - len(self.batch_sizes) + 1, self.level + 1)

    @property
    def batch(self) -> Any:
        """The step's batch, for `loss.backward()`, where it uses one level.

        Raises:
            ValueError: where it sums over several.
        """
        if len(self.batch_sizes) > 1:
            raise ValueError(
                f"Step.batch: step {self.number} sums over {len(self.batch_sizes)} levels; use "
                f"step.backward(losses)."
            )
        return self.batches[self.level]

    def to(self, device: torch.device | str | int, non_blocking: bool = False) -> Step:
        """The same step, its tensors on that device; trainers call it, as they do on tensors."""
        moved = {k: on_device(batch, device, non_blocking) for k, batch in self.batches.items()}
        return replace(self, batches=moved)

    def backward(
        self,
        losses: Callable[[Any], Tensor],
        backward: Callable[[Tensor], object] = torch.Tensor.backward,
        no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Estimate:
        """Adds the gradient to `.grad`: of one level's mean loss, or a telescoping sum of levels.

        Args:
            losses: the losses of a batch on one level, one per sample, shape (n,); where the step
                uses one level, or in independent form, also their mean, shape ().
            backward: what to call on each pass's loss, such as `fabric.backward`.
            no_sync: in which all passes but the last are made, such as `model.no_sync` of
                DistributedDataParallel; it saves exchanges, the gradient is right without it too.

        Raises:
            As `multiscale_backward`.
        """
        one = len(self.batch_sizes) == 1
        return multiscale_backward(
            losses,
            Shells([self.batches.get(level) for level in self.levels]),
            self.grids,
            self.batch_sizes,
            form="independent" if one else self.form,
            alphas=self.alphas,
            restriction=self.restriction,
            backward=backward,
            no_sync=no_sync,
        )
