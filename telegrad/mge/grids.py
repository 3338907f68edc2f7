"""The hierarchy of meshes: level 0 is the coarsest, and each level halves the mesh width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from telegrad.mge.numbers import is_number, is_whole

MOST_LEVELS = 32
"""No image is large enough to be halved more often."""

SIDES = {1: "length", 2: "height and width", 3: "depth, height and width"}
"""What a size consists of, by the number of its axes."""


@dataclass(frozen=True, repr=False)
class GridHierarchy:
    """Meshes of `levels` levels, the finest with `finest` cells on each axis.

    >>> GridHierarchy(finest=(64, 48), levels=3)
    GridHierarchy: 3 levels
    level     shape  mesh width  work units
        2     64×48           1           1
        1     32×24           2        0.25
        0     16×12           4      0.0625

    A video of eight frames whose time is never coarsened, and the nodes of a mesh for a partial
    differential equation, both ends included:

    >>> GridHierarchy(finest=(8, 64, 64), levels=3, fixed=(0,)).shape(0)
    (8, 16, 16)
    >>> GridHierarchy(finest=(65, 65), levels=3, nodes=True).shape(0)
    (17, 17)

    Args:
        finest: (length,), (height, width) or (depth, height, width): the last axes of a field.
        levels: how many.
        finest_cost: in work units, of one sample on the finest level: 1, unless the hierarchy is
            part of a larger one (see `between`).
        fixed: axes of `finest` that are never coarsened.
        nodes: whether values lie on the nodes of the mesh, 2^k·m + 1 of them, and not in its cells,
            2^k·m of them.
        measured: what a sample costs on each level, coarsest first, in any unit, such as seconds;
            by default a level with k coarsened axes costs 2^k times less than the next finer one.
        finest_width: mesh width on the finest level.

    Raises:
        ValueError: if `finest` can't be halved `levels` − 1 times, or costs are not positive.
    """

    finest: tuple[int, ...]
    levels: int
    finest_cost: float = 1.0
    fixed: tuple[int, ...] = ()
    nodes: bool = False
    measured: tuple[float, ...] | None = None
    finest_width: float = 1.0

    def __post_init__(self) -> None:
        if not (is_whole(self.levels) and 1 <= self.levels <= MOST_LEVELS):
            raise ValueError(
                f"GridHierarchy: levels={self.levels!r}, needs a whole number from 1 to "
                f"{MOST_LEVELS}."
            )
        several = isinstance(self.finest, Sequence) and len(self.finest) in SIDES
        if not (several and all(is_whole(size) and size >= 1 for size in self.finest)):
            raise ValueError(
                f"GridHierarchy: finest={self.finest!r}, needs (height, width) in pixels, "
                f"(length,) or (depth, height, width)."
            )
        for name, value in (("finest_cost", self.finest_cost), ("finest_width", self.finest_width)):
            if not (is_number(value) and value > 0):
                raise ValueError(f"GridHierarchy: {name}={value!r}, needs a positive number.")
        object.__setattr__(self, "finest", tuple(int(size) for size in self.finest))
        self._check_fixed()
        self._check_measured()
        factor = 2 ** (self.levels - 1)
        ends = 1 if self.nodes else 0
        for axis, size in enumerate(self.finest):
            if axis not in self.fixed and ((size - ends) % factor or size <= ends < factor):
                raise ValueError(f"GridHierarchy: {self._why_not_halved(size)}")

    @cached_property
    def blocks(self) -> tuple[int, ...]:
        """Cells of the finer level that make one of the coarser, on each axis: 2, or 1 if fixed."""
        return tuple(1 if axis in self.fixed else 2 for axis in range(len(self.finest)))

    def shape(self, level: int) -> tuple[int, ...]:
        """Cells, or nodes, on each axis of `level`."""
        return self._shapes[self._checked(level)]

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        ends = 1 if self.nodes else 0
        return tuple(
            tuple(
                n if block == 1 else (n - ends) // 2**halvings + ends
                for n, block in zip(self.finest, self.blocks, strict=True)
            )
            for halvings in reversed(range(self.levels))
        )

    def mesh_width(self, level: int) -> float:
        """Width of a cell of `level`, in cells of the finest level of the whole hierarchy."""
        return self.finest_width * 2.0 ** (self.levels - 1 - self._checked(level))

    def cost(self, level: int) -> float:
        """Work units of one sample on `level`, for a forward and a backward pass.

        c_l = 2^(d (l − L)) for d axes that are coarsened, or as measured. One work unit is one
        forward and backward pass of one sample on the finest level.
        """
        if self.measured is not None:
            return self.finest_cost * self.measured[self._checked(level)] / self.measured[-1]
        axes = len(self.finest) - len(self.fixed)
        return self.finest_cost * 2.0 ** (axes * (self._checked(level) - (self.levels - 1)))

    @property
    def costs(self) -> tuple[float, ...]:
        """Work units of one sample on each level, coarsest first."""
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
        measured = None if self.measured is None else self.measured[coarsest : finest + 1]
        return replace(
            self,
            finest=self.shape(finest),
            levels=finest - coarsest + 1,
            finest_cost=self.cost(finest),
            measured=measured,
            finest_width=self.mesh_width(finest),
        )

    def _checked(self, level: int) -> int:
        if not (is_whole(level) and 0 <= level < self.levels):
            raise ValueError(
                f"GridHierarchy: no level {level!r}; levels are 0 (coarsest) to {self.levels - 1}."
            )
        return level

    def _check_fixed(self) -> None:
        axes = range(len(self.finest))
        fixed = self.fixed if isinstance(self.fixed, Sequence) else (self.fixed,)
        if not (fixed is self.fixed and all(is_whole(axis) and axis in axes for axis in fixed)):
            raise ValueError(
                f"GridHierarchy: fixed={self.fixed!r}; needs a tuple of axes of "
                f"{sized(self.finest)}, counted from 0."
            )
        object.__setattr__(self, "fixed", tuple(sorted(set(fixed))))
        if len(self.fixed) == len(axes) and self.levels > 1:
            raise ValueError(
                f"GridHierarchy: fixed={self.fixed} leaves no axis to coarsen; use levels=1."
            )

    def _check_measured(self) -> None:
        if self.measured is None:
            return
        several = isinstance(self.measured, Sequence) and len(self.measured) == self.levels
        if not (several and all(is_number(cost) and cost > 0 for cost in self.measured)):
            raise ValueError(
                f"GridHierarchy: measured={self.measured!r}; needs {self.levels} positive numbers, "
                f"the cost of a sample on each level, coarsest first."
            )
        object.__setattr__(self, "measured", tuple(self.measured))

    def _why_not_halved(self, n: int) -> str:
        """The reason and the way out, for a size that can't be halved levels − 1 times."""
        halvings, ends = self.levels - 1, 1 if self.nodes else 0
        chain = " → ".join(f"{(n - ends) / 2**k + ends:g}" for k in range(halvings + 1))
        possible = 1
        while all(
            size > ends and (size - ends) % 2**possible == 0
            for size, block in zip(self.finest, self.blocks, strict=True)
            if block == 2
        ):
            possible += 1
        factor = 2**halvings
        below, above = (n - ends) // factor * factor, ((n - ends) // factor + 1) * factor
        suitable = f"{below + ends} or {above + ends}" if below > 0 else f"{above + ends}"
        divisible = f"of 1 and a multiple of {factor}" if ends else f"divisible by {factor}"
        return (
            f"{sized(self.finest)}{' nodes' * ends} can't be halved {halvings} "
            f"time{'s' * (halvings > 1)} ({chain}); use levels={possible}, or a size {divisible} "
            f"such as {suitable}."
        )

    def __repr__(self) -> str:
        wide = max(10, len(sized(self.finest)) + 2)
        lines = [
            f"GridHierarchy: {self.levels} level{'s' * (self.levels > 1)}",
            f"{'level':>5}{'shape':>{wide}}{'mesh width':>12}{'work units':>12}",
        ]
        for level in reversed(range(self.levels)):
            lines.append(
                f"{level:>5}{sized(self.shape(level)):>{wide}}"
                f"{self.mesh_width(level):>12g}{self.cost(level):>12g}"
            )
        return "\n".join(lines)


def sized(shape: Sequence[int]) -> str:
    """A size as it is written.

    >>> sized((64, 48))
    '64×48'
    """
    return "×".join(map(str, shape))


PLANE = GridHierarchy(finest=(1, 1), levels=1)
"""Cells in the plane: how a field is restricted where no other grids are named."""
