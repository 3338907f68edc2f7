"""How a field is carried to the next coarser mesh.

What "the same field on the coarser mesh" means depends on the kind of field: an image is averaged,
white noise is averaged and rescaled so that it stays white noise of unit variance, a mask stays a
mask, and times and labels have no mesh at all.

Rules by name take a field (…, *shape) and the blocks of the mesh: how many cells of the finer level
make one of the coarser, on each axis; (2, 2) in the plane, 1 for an axis that is not coarsened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.errors import did_you_mean
from telegrad.mge.batches import Path, bare, key_of, leaves, map_fields, name_of
from telegrad.mge.grids import PLANE, SIDES, GridHierarchy
from telegrad.mge.passengers import boarded

Blocks = tuple[int, ...]


def averaging(u: Tensor, blocks: Blocks = (2, 2)) -> Tensor:
    """An image-like field: the mean of each block."""
    if u.is_complex():  # torch pools real numbers only
        return torch.complex(averaging(u.real, blocks), averaging(u.imag, blocks))
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(blocks) - 1]
    mean: Tensor = pool(u, blocks)
    return mean


def injection(u: Tensor, blocks: Blocks = (2, 2)) -> Tensor:
    """Any field: the first of each block. Keeps white noise white, and aliases images.

    Of nodes every second one, both ends included.
    """
    first: Any = (..., *(slice(None, None, block) for block in blocks))
    return u[first]


def white_noise(z: Tensor, blocks: Blocks = (2, 2)) -> Tensor:
    """White noise of unit variance: the sum of each block, over the square root of its size.

    The mean of 2^d independent unit normals has the standard deviation 2^(−d/2); 2^(d/2) times the
    mean is again white noise of unit variance. Its correlation with each of its fine values is
    2^(−d/2): 1/2 in the plane.

    >>> z = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    >>> round(white_noise(z).std().item(), 2), round(averaging(z).std().item(), 2)
    (1.0, 0.5)
    """
    return math.sqrt(math.prod(blocks)) * averaging(z, blocks)


def mask(m: Tensor, blocks: Blocks = (2, 2)) -> Tensor:
    """A mask of zeros and ones: one where at least half of the block is one."""
    return (averaging(m.float(), blocks) >= 0.5).to(m.dtype)


def full_weighting(u: Tensor, blocks: Blocks = (2, 2)) -> Tensor:
    """A field on nodes: (1, 2, 1)/4 around every second node of each axis; its ends as they are.

    Source: Briggs, Henson, McCormick, *A multigrid tutorial*, SIAM 2000, ch. 3.
    """
    for axis, block in enumerate(blocks, -len(blocks)):
        if block == 2:
            u = u.movedim(axis, -1)
            inner = (u[..., 1:-2:2] + 2 * u[..., 2:-1:2] + u[..., 3::2]) / 4
            u = torch.cat([u[..., :1], inner, u[..., -1:]], dim=-1).movedim(-1, axis)
    return u


def unchanged(x: Tensor, blocks: Blocks = ()) -> Tensor:
    """A field without a mesh: times, labels, weights."""
    return x


RESTRICTIONS: dict[str, Callable[..., Tensor]] = {
    rule.__name__: rule
    for rule in (averaging, injection, white_noise, mask, full_weighting, unchanged)
}

Restriction = str | Callable[[Tensor], Tensor]
"""A name in `RESTRICTIONS`, or a function from a field to the same field on the coarser level."""

Rules = Restriction | Mapping[Any, Restriction]
"""One rule for a whole batch, or one for each of its fields; see `restrict`."""

ON_NODES = (injection, full_weighting)
"""Rules for fields on nodes: the others are made for cells."""


def restrict(batch: Any, rules: Rules = "averaging", grids: GridHierarchy = PLANE) -> Any:
    """A batch on the next coarser level, each of its fields restricted by its own rule.

    Args:
        batch: a tensor, or a tuple, list or dictionary of tensors, samples first. What else is in
            it (file names, None) stays as it is.
        rules: one rule for all fields (n, c, h, w), everything else being left unchanged; or a
            mapping from a field's key (or index) to its rule, fields it does not name being
            restricted by averaging if they have four dimensions. In a nested batch a key holds
            wherever it occurs, unless the whole path is named, as "low.mask" or (0, 1); an index
            must not be of several fields. A function also holds for a bare tensor of other
            dimensions. What it does to its field in place is not seen outside.
        grids: says which axes are coarsened, and whether values lie in cells or on nodes; cells in
            the plane by default. On a line fields are (n, c, l), in space (n, c, d, h, w).

    >>> batch = {"image": torch.ones(2, 3, 8, 8), "label": torch.tensor([1, 7])}
    >>> coarse = restrict(batch)
    >>> coarse["image"].shape, coarse["label"]
    (torch.Size([2, 3, 4, 4]), tensor([1, 7]))

    Raises:
        ValueError: for an unknown rule, one of a field that there is not, an index of several
            fields, a rule that doesn't suit the grids, or a field with a side that can't be halved.
        TypeError: if a field of integers is to be averaged, or a function returns no tensor of its
            field's samples.
    """
    if not isinstance(grids, GridHierarchy):
        raise TypeError(f"restrict: grids of type {type(grids).__name__}; needs a GridHierarchy.")
    batch = boarded(batch)
    check_rules("restrict", [batch], rules)
    return bare(restrict_fields(batch, rules, grids))


def check_rules(caller: str, batches: Sequence[Any], rules: Rules) -> None:
    """Raises ValueError if a rule names a field that none of these batches has, or an index is that
    of several."""
    if not isinstance(rules, Mapping):
        return
    found = {path: leaf for batch in batches for path, leaf in leaves(batch)}
    for key, rule in rules.items():
        named = [path for path in found if key in _names(path)]
        if len(named) > 1 and isinstance(key, int):
            raise ValueError(
                f"{caller}: restriction has a rule for {key!r}, an index of several fields: "
                f"{', '.join(map(repr, named))}. Name the whole path of the one that you mean."
            )
        if not named:
            names = [repr(name_of(p)) for p, leaf in found.items() if isinstance(leaf, Tensor)]
            has = "the batch is a bare tensor" if () in found else f"it has {', '.join(names)}"
            near = did_you_mean(repr(key), names) if isinstance(key, str) else ""
            raise ValueError(
                f"{caller}: restriction has a rule for {key!r}, and the batch no field of that "
                f"name; {has}{near}"
            )
        tensors = any(isinstance(found[path], Tensor) for path in named)
        if not tensors and rule not in ("unchanged", unchanged):
            raise ValueError(
                f"{caller}: restriction has a rule for {key!r}, which holds no tensor; leave it "
                f"out of restriction."
            )


def restrict_fields(batch: Any, rules: Rules, grids: GridHierarchy) -> Any:
    """`restrict`, for a batch whose passengers have boarded."""

    def coarse(path: Path, field: Tensor) -> Tensor:
        function = rule_of(rules, path, field, grids)
        if function is unchanged:
            return field
        key = name_of(path)
        where = "" if key is None else f" field {key!r}"
        if is_own(function):
            return _own(function, field, where)
        _check_halved(field, grids, key, where)
        _check_rule(function, field, grids, key, where)
        return function(field, grids.blocks)

    return map_fields(coarse, batch)


def rule_of(rules: Rules, path: Path, field: Tensor, grids: GridHierarchy) -> Callable[..., Tensor]:
    """The function that restricts a field: `unchanged` if nothing does.

    Raises:
        ValueError: for an unknown rule.
    """
    by_name = rules if isinstance(rules, Mapping) else {}
    whole = "averaging" if isinstance(rules, Mapping) else rules
    rule = next((by_name[name] for name in _names(path) if name in by_name), None)
    if rule is None:
        alone = not path and callable(whole)
        rule = whole if field.ndim == 2 + len(grids.finest) or alone else unchanged
    if callable(rule):
        return rule
    if not isinstance(rule, str) or rule not in RESTRICTIONS:
        raise ValueError(
            f"restrict: no rule {rule!r}; rules are {', '.join(RESTRICTIONS)}, or a function."
        )
    return RESTRICTIONS[rule]


def names_of(rules: Rules) -> Any:
    """Rules as plain data that JSON keeps, by which they can be compared: functions by their names.

    >>> names_of({"clean": averaging, (0, 1): "mask"})
    {"'clean'": 'averaging', '(0, 1)': 'mask'}
    """
    if isinstance(rules, Mapping):
        return {repr(key): names_of(rule) for key, rule in rules.items()}
    return rules if isinstance(rules, str) else getattr(rules, "__name__", type(rules).__name__)


def _names(path: Path) -> tuple[Any, ...]:
    """What a rule may call a field, the most exact first."""
    return path, name_of(path), key_of(path)


def is_own(function: Callable[..., Tensor]) -> bool:
    """Whether it is a function of the user's, of which nothing is known until it has run."""
    return function not in RESTRICTIONS.values()


def _own(function: Callable[[Tensor], Tensor], field: Tensor, where: str) -> Tensor:
    restricted = function(field.clone())
    if isinstance(restricted, Tensor) and restricted.shape[:1] == field.shape[:1]:
        return restricted
    tensor = isinstance(restricted, Tensor)
    got = tuple(restricted.shape) if tensor else type(restricted).__name__
    raise TypeError(
        f"restrict:{where}: the function that restricts it returned {got}; needs a tensor "
        f"of the samples that it got, {tuple(field.shape)}."
    )


def _check_halved(field: Tensor, grids: GridHierarchy, key: Any, where: str) -> None:
    d, ends = len(grids.finest), 1 if grids.nodes else 0
    sides = field.shape[-d:]
    halved = [n for n, block in zip(sides, grids.blocks, strict=False) if block == 2]
    if field.ndim < d or any((n - ends) % 2 or n <= ends for n in halved):
        even = "odd, and 3 or more" if ends else "even"
        raise ValueError(
            f"restrict:{where} of shape {tuple(field.shape)} can't be halved; {SIDES[d]} must be "
            f"{even}. A field without a mesh needs the rule 'unchanged'."
        )


def _check_rule(
    function: Callable[..., Tensor], field: Tensor, grids: GridHierarchy, key: Any, where: str
) -> None:
    d, named = len(grids.finest), f"{{{key!r}: " if key is not None else ""
    if grids.nodes and function not in ON_NODES:
        raise ValueError(
            f"restrict:{where}: the rule {function.__name__!r} is for cells, and the grids have "
            f"nodes; use 'full_weighting', 'injection' (keeps white noise white), or a function."
        )
    if not grids.nodes and function is full_weighting:
        raise ValueError(
            f"restrict:{where}: the rule 'full_weighting' is for nodes, and the grids have cells; "
            f"use 'averaging', or GridHierarchy(…, nodes=True)."
        )
    if function in (averaging, white_noise, full_weighting) and not (
        field.is_floating_point() or field.is_complex()
    ):
        raise TypeError(
            f"restrict:{where} of type {field.dtype} can't be averaged; convert it to floating "
            f"point, or choose rules={named}'injection'{'}' * bool(named)} (label maps) or 'mask'."
        )
    if function in (averaging, white_noise, mask) and field.ndim not in (d + 1, d + 2):
        letters = "dhw"[-d:] if d > 1 else "l"
        axes = ", ".join(letters)
        raise ValueError(
            f"restrict:{where} of shape {tuple(field.shape)} can't be averaged; needs "
            f"(n, c, {axes}) or (n, {axes})."
        )
