"""A loss: how far restored images are from the clean ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from telegrad.options import check_options, option


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
        """The loss of each of the images (n, c, h, w) in the task's range, shape (n,)."""

    def for_range(self, width: float) -> Loss:
        """The same loss, for images whose range has that width; as it is if it has one, or needs
        none.

        >>> from telegrad.losses import MSE, SSIM
        >>> SSIM().for_range(1.0), SSIM(data_range=2.0).for_range(1.0), MSE().for_range(1.0)
        (SSIM(data_range=1.0), SSIM(data_range=2.0), MSE())
        """
        needs = getattr(self, "data_range", width) is None
        return replace(self, data_range=width) if needs else self  # type: ignore[call-arg]


def data_range_option() -> Any:
    """The width of the images' range, as the option `data_range` of a loss that needs it."""
    return option(None, "width of the images' range; else the task's", above=0, most=2**16)


def range_of(loss: Loss) -> float:
    """The width of the images' range, of a loss with that option.

    Raises:
        ValueError: where neither the option nor a task says it.
    """
    width: float | None = getattr(loss, "data_range", None)
    if width is None:
        name = type(loss).__name__
        raise ValueError(
            f"{name}: nothing says how wide the range of the images is; in a run the task does. "
            f"Needs {name}(data_range=1.0) for images in [0, 1]."
        )
    return width
