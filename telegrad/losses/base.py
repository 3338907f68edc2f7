"""A loss: how far restored images are from the clean ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from telegrad.options import check_options


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """One number per sample, so that every form of the multiscale gradient can weight it.

    A loss of your own is one class derived from this: a frozen dataclass with the options it needs
    and the method `__call__`; or a `torch.nn.Module`, see `per_sample`.
    """

    def __post_init__(self) -> None:
        check_options(self)

    @abstractmethod
    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        """The loss of each of the images (n, c, h, w), shape (n,)."""
