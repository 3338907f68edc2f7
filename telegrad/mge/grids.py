"""The hierarchy of meshes: level 0 is the coarsest, and each level halves the mesh width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telegrad.mge.numbers import is_number, is_whole

MOST_LEVELS = 32
"""No image is large enough to be halved more often."""


@dataclass(frozen=True, repr=False)
class GridHierarchy:
    """Meshes of `levels` levels, the finest of `finest` = (height, width) pixels.

    >>> GridHierarchy(finest=(64, 48), levels=3)
    GridHierarchy: 3 levels
    level     shape  mesh width  work units
        2     64×48           1           1
        1     32×24           2        0.25
        0     16×12           4      0.0625

    `finest_cost` is the cost in work units of one image on the finest level: 1, unless the
    hierarchy is part of a larger one (see `between`).

    Raises:
        ValueError: if `finest` cannot be halved `levels` − 1 times.
    """

    finest: tuple[int, int]
    levels: int
    finest_cost: float = 1.0

    def __post_init__(self) -> None:
        if not (is_whole(self.levels) and 1 <= self.levels <= MOST_LEVELS):
            raise ValueError(
                f"GridHierarchy: levels={self.levels!r}, needs a whole number from 1 to "
                f"{MOST_LEVELS}."
            )
        pair = isinstance(self.finest, Sequence) and len(self.finest) == 2
        if not (pair and all(is_whole(size) and size >= 1 for size in self.finest)):
            raise ValueError(
                f"GridHierarchy: finest={self.finest!r}, needs (height, width) in pixels."
            )
        if not (is_number(self.finest_cost) and self.finest_cost > 0):
            raise ValueError(
                f"GridHierarchy: finest_cost={self.finest_cost!r}, needs a positive number."
            )
        object.__setattr__(self, "finest", (int(self.finest[0]), int(self.finest[1])))
        factor = 2 ** (self.levels - 1)
        if any(size % factor for size in self.finest):
            raise ValueError(f"GridHierarchy: {_why_not_halved(self.finest, self.levels)}")

    def shape(self, level: int) -> tuple[int, int]:
        """Height and width in pixels on `level`."""
        coarsening = 2 ** (self.levels - 1 - self._checked(level))
        return self.finest[0] // coarsening, self.finest[1] // coarsening

    def mesh_width(self, level: int) -> float:
        """Width of one pixel of `level`, in pixels of the finest level of the whole hierarchy."""
        return self.cost(level) ** -0.5

    def cost(self, level: int) -> float:
        """Work units of one image on `level`: c_l = 4^(l − L), for a forward and a backward pass.

        One work unit is one forward and backward pass of one image on the finest level.
        """
        return self.finest_cost * 4.0 ** (self._checked(level) - (self.levels - 1))

    @property
    def costs(self) -> tuple[float, ...]:
        """Work units of one image on each level, coarsest first."""
        return tuple(self.cost(level) for level in range(self.levels))

    def between(self, coarsest: int, finest: int) -> GridHierarchy:
        """The levels `coarsest` … `finest` as a hierarchy of their own, at unchanged costs.

        >>> GridHierarchy(finest=(64, 64), levels=4).between(coarsest=0, finest=1)
        GridHierarchy: 2 levels
        level     shape  mesh width  work units
            1     16×16           4      0.0625
            0       8×8           8    0.015625
        """
        if self._checked(coarsest) > self._checked(finest):
            raise ValueError(
                f"GridHierarchy.between: coarsest={coarsest} is finer than finest={finest}."
            )
        return GridHierarchy(self.shape(finest), finest - coarsest + 1, self.cost(finest))

    def _checked(self, level: int) -> int:
        if not (is_whole(level) and 0 <= level < self.levels):
            raise ValueError(
                f"GridHierarchy: no level {level!r}; levels are 0 (coarsest) to {self.levels - 1}."
            )
        return level

    def __repr__(self) -> str:
        lines = [
            f"GridHierarchy: {self.levels} level{'s' * (self.levels > 1)}",
            f"{'level':>5}{'shape':>10}{'mesh width':>12}{'work units':>12}",
        ]
        for level in reversed(range(self.levels)):
            height, width = self.shape(level)
            lines.append(
                f"{level:>5}{f'{height}×{width}':>10}"
                f"{self.mesh_width(level):>12g}{self.cost(level):>12g}"
            )
        return "\n".join(lines)


def _why_not_halved(size: tuple[int, int], levels: int) -> str:
    """The reason and the way out, for a size that can't be halved levels − 1 times."""
    halvings = levels - 1
    indivisible = next(pixels for pixels in size if pixels % 2**halvings)
    chain = " → ".join(f"{indivisible / 2**k:g}" for k in range(halvings + 1))
    possible = 1
    while all(pixels % 2**possible == 0 for pixels in size):
        possible += 1
    factor = 2**halvings
    below, above = indivisible // factor * factor, (indivisible // factor + 1) * factor
    suitable = f"{below} or {above}" if below else f"{above}"
    return (
        f"{size[0]}×{size[1]} can't be halved {halvings} time{'s' * (halvings > 1)} ({chain}); "
        f"use levels={possible}, or a size divisible by {factor} such as {suitable}."
    )
