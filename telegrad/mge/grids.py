"""The hierarchy of meshes, and how a field is carried to the next coarser mesh.

Level 0 is the coarsest. Each level halves the mesh width of the one before it. What "the same
field on the coarser mesh" means depends on the kind of field: an image is averaged, white noise is
averaged and rescaled so that it stays white noise of unit variance, a mask stays a mask, and times
and labels have no mesh at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from telegrad.mge.allocation import is_number, is_whole
from telegrad.mge.batches import map_fields

MOST_LEVELS = 32
"""No image is so large that it could be halved more often."""


@dataclass(frozen=True, repr=False)
class GridHierarchy:
    """Meshes of `levels` levels under an image of `finest` = (height, width) pixels.

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
                f"GridHierarchy: levels={self.levels!r}, needs 1 or more, up to {MOST_LEVELS}."
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
    odd_one = next(pixels for pixels in size if pixels % 2**halvings)
    chain = " → ".join(f"{odd_one / 2**k:g}" for k in range(halvings + 1))
    possible = 1
    while all(pixels % 2**possible == 0 for pixels in size):
        possible += 1
    factor = 2**halvings
    below, above = odd_one // factor * factor, (odd_one // factor + 1) * factor
    such_as = f"{below} or {above}" if below else f"{above}"
    return (
        f"{size[0]}×{size[1]} can't be halved {halvings} time{'s' * (halvings > 1)} ({chain}); "
        f"use levels={possible}, or a size divisible by {factor} such as {such_as}."
    )


# --- restriction: one field to the next coarser level ---------------------------------------------


def averaging(u: Tensor) -> Tensor:
    """An image-like field (…, h, w): the mean of each 2×2 block."""
    return F.avg_pool2d(u, 2)


def injection(u: Tensor) -> Tensor:
    """Any field (…, h, w): every second pixel. Keeps white noise white, and aliases images."""
    return u[..., ::2, ::2]


def white_noise(z: Tensor) -> Tensor:
    """White noise (…, h, w) of unit variance: the sum of each 2×2 block, halved.

    The mean of four independent unit normals has the standard deviation 1/2; twice the mean is
    again white noise of unit variance. Its correlation with each of its four fine pixels is 1/2.

    >>> import torch
    >>> z = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    >>> round(white_noise(z).std().item(), 2), round(averaging(z).std().item(), 2)
    (1.0, 0.5)
    """
    return 2 * F.avg_pool2d(z, 2)


def mask(m: Tensor) -> Tensor:
    """A mask (…, h, w) of zeros and ones: one where at least half of the 2×2 block is one."""
    return (F.avg_pool2d(m.float(), 2) >= 0.5).to(m.dtype)


def unchanged(x: Tensor) -> Tensor:
    """A field without a mesh: times, labels, weights."""
    return x


RESTRICTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    rule.__name__: rule for rule in (averaging, injection, white_noise, mask, unchanged)
}

Restriction = str | Callable[[Tensor], Tensor]
"""A name in `RESTRICTIONS`, or a function from a field to the same field on the coarser level."""


def restrict(batch: Any, rules: Restriction | Mapping[Any, Restriction] = "averaging") -> Any:
    """A batch on the next coarser level, each of its fields restricted by its own rule.

    Args:
        batch: a tensor, or a tuple, list or dictionary of tensors, samples first.
        rules: one rule for all fields of four dimensions (n, c, h, w), everything else being left
            unchanged; or a mapping from a field's key (or index) to its rule, fields it does not
            name being restricted by averaging if they have four dimensions.

    >>> import torch
    >>> batch = {"image": torch.ones(2, 3, 8, 8), "label": torch.tensor([1, 7])}
    >>> coarse = restrict(batch)
    >>> coarse["image"].shape, coarse["label"]
    (torch.Size([2, 3, 4, 4]), tensor([1, 7]))

    Raises:
        ValueError: for an unknown rule, or a field whose height or width is odd.
        TypeError: if a field of integers is to be averaged.
    """

    def coarse(key: Any, field: Tensor) -> Tensor:
        rule = rules.get(key) if isinstance(rules, Mapping) else None
        if rule is None:
            whole = "averaging" if isinstance(rules, Mapping) else rules
            rule = whole if field.ndim == 4 else unchanged
        function = _restriction(rule)
        if function is unchanged:
            return field
        where = "" if key is None else f" field {key!r}"
        sides = field.shape[-2:]
        if field.ndim < 2 or any(side % 2 or not side for side in sides):
            raise ValueError(
                f"restrict:{where} of shape {tuple(field.shape)} can't be halved; height and "
                f"width must be even. A field without a mesh needs the rule 'unchanged'."
            )
        if function in (averaging, white_noise) and not field.is_floating_point():
            raise TypeError(
                f"restrict:{where} of type {field.dtype} can't be averaged; convert it to floating "
                f"point, or choose rules={{{key!r}: 'injection'}} (label maps) or 'mask'."
            )
        if function in (averaging, white_noise, mask) and field.ndim not in (3, 4):
            raise ValueError(
                f"restrict:{where} of shape {tuple(field.shape)} can't be averaged; needs "
                f"(n, c, h, w) or (n, h, w)."
            )
        return function(field)

    return map_fields(coarse, batch)


def _restriction(rule: Restriction) -> Callable[[Tensor], Tensor]:
    if callable(rule):
        return rule
    if not isinstance(rule, str) or rule not in RESTRICTIONS:
        raise ValueError(
            f"restrict: no rule {rule!r}; rules are {', '.join(RESTRICTIONS)}, or a function."
        )
    return RESTRICTIONS[rule]
