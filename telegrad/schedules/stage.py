"""A part of a schedule: so many steps on the same levels with the same batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from telegrad.mge.numbers import is_number, is_whole


@dataclass(frozen=True)
class Stage:
    """`steps` steps with the finest level `finest`; `batch_sizes` end there, coarsest first.

    One batch size is ordinary training on level `finest`; more are the multiscale gradient, with
    the coefficients `alphas`, one for each pair of levels, coarsest first; 1 by default. With
    `random_level` each step is ordinary training on one of these levels, drawn at random. With
    `shape`, such as (height, width) in pixels, images of the one level are resized to it; patches
    are cut in it. The learning rate is `rate` times that of the run. Stages in a row with the same
    number `heat` are a round of heats: each begins with the weights that the round began with, and
    the run goes on from the best.
    """

    steps: int
    finest: int
    batch_sizes: tuple[int, ...]
    alphas: tuple[float, ...] | None = None
    random_level: bool = False
    shape: tuple[int, ...] | None = None
    rate: float = 1.0
    heat: int | None = None

    def __post_init__(self) -> None:
        if not (is_whole(self.steps) and is_whole(self.finest)):
            raise ValueError(
                f"Stage: steps={self.steps!r}, finest={self.finest!r}; needs whole numbers."
            )
        if not isinstance(self.batch_sizes, (tuple, list)):
            raise TypeError(
                f"Stage: batch_sizes={self.batch_sizes!r}; needs a tuple of whole numbers."
            )
        if not isinstance(self.shape, (tuple, list, type(None))):
            raise TypeError(f"Stage: shape={self.shape!r}; needs a tuple of whole numbers.")
        if self.random_level and self.shape is not None:
            raise ValueError(
                f"Stage: random_level=True with shape={self.shape}; needs one of them: a level "
                f"that is drawn has its own shape."
            )
        if not (is_number(self.rate) and self.rate > 0):
            raise ValueError(f"Stage: rate={self.rate!r}; needs a positive number.")
        if self.alphas is not None:
            pairs = len(self.batch_sizes) - 1
            several = isinstance(self.alphas, (tuple, list)) and len(self.alphas) == pairs
            if not (several and all(is_number(a) for a in self.alphas)):
                raise ValueError(
                    f"Stage: alphas={self.alphas!r}; needs {pairs} numbers, one for each pair of "
                    f"levels."
                )
        self._as_plain_data()

    def _as_plain_data(self) -> None:
        """Numbers of NumPy become Python's, which files of states hold; lists can't be hashed."""
        plain = {"steps": _plain(self.steps), "finest": _plain(self.finest)}
        plain |= {"rate": _plain(self.rate)}
        for name in ("batch_sizes", "alphas", "shape"):
            if (value := getattr(self, name)) is not None:
                plain[name] = tuple(map(_plain, value))
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def coarsest(self) -> int:
        return self.finest - len(self.batch_sizes) + 1

    def on_level(self, level: int) -> Stage:
        """The same steps on one of its levels alone."""
        one = (self.batch_sizes[level - self.coarsest],)
        return Stage(self.steps, level, one, rate=self.rate, heat=self.heat)


def _plain(number: Any) -> Any:
    """A number of Python's; what is none stays as it is, for the schedule to refuse."""
    return int(number) if is_whole(number) else float(number) if is_number(number) else number
