"""Whether a batch lies on a level of the grids, and follows them when it is restricted.

A batch that does not follow would be walked at one size on all levels, at many times the work that
is reported. So at least one field must be restricted, and have the shape of each level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor

from telegrad.errors import did_you_mean
from telegrad.mge.batches import Path, fields, key_of, leaves, name_of
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.restriction import Rules, is_own, restrict_fields, rule_of, unchanged


def check_rules(caller: str, batches: Sequence[Any], rules: Rules) -> None:
    """Raises ValueError if a rule names a field that none of these batches has."""
    if not isinstance(rules, Mapping):
        return
    found = {key_of(path): leaf for batch in batches for path, leaf in leaves(batch)}
    for key, rule in rules.items():
        if key not in found:
            names = [repr(k) for k, leaf in found.items() if isinstance(leaf, Tensor)]
            has = "the batch is a bare tensor" if None in found else f"it has {', '.join(names)}"
            near = did_you_mean(repr(key), names) if isinstance(key, str) else ""
            raise ValueError(
                f"{caller}: restriction has a rule for {key!r}, and the batch no field of that "
                f"name; {has}{near}"
            )
        if not isinstance(found[key], Tensor) and rule not in ("unchanged", unchanged):
            raise ValueError(
                f"{caller}: restriction has a rule for {key!r}, which holds no tensor; leave it "
                f"out of restriction."
            )


def check_level(
    caller: str, batch: Any, grids: GridHierarchy, level: int, rules: Rules, halvings: int = 0
) -> None:
    """Raises ValueError unless a batch lies on `level`, and can be halved from there.

    With several levels, some field that is restricted must have the level's height and width. With
    one, images (n, c, h, w) must have them if there are any.
    """
    keyed = fields(batch)
    if grids.levels == 1:
        images = [(path, field) for path, field in keyed if field.ndim == 4]
        if images and not any(_lies(field, grids.shape(level)) for _, field in images):
            raise ValueError(_elsewhere(caller, *images[0], grids, level))
        return
    functions = [rule_of(rules, key_of(path), field) for path, field in keyed]
    restricted = [
        (path, field, is_own(function))
        for (path, field), function in zip(keyed, functions, strict=True)
        if function is not unchanged
    ]
    if not any(_lies(field, grids.shape(level), own) for _, field, own in restricted):
        left = [
            (path, field)
            for (path, field), function in zip(keyed, functions, strict=True)
            if function is unchanged and field.ndim > 1
        ]
        on_level = [item for item in left if _lies(item[1], grids.shape(level))]
        if restricted and not on_level:
            raise ValueError(_elsewhere(caller, *restricted[0][:2], grids, level))
        raise ValueError(_not_restricted(caller, on_level or left, grids, level, rules))
    for path, field, own in restricted:
        if not own and any(side % 2**halvings for side in field.shape[-2:]):
            raise ValueError(
                f"{caller}: field {name_of(path)!r} of shape {tuple(field.shape)} can't be halved "
                f"{halvings} time{'s' * (halvings > 1)}; height and width must be divisible by "
                f"{2**halvings}. A field without a mesh needs the rule 'unchanged'."
            )


def next_coarser(caller: str, batch: Any, grids: GridHierarchy, level: int, rules: Rules) -> Any:
    """The batch restricted to `level`.

    Raises:
        ValueError: if a function of the user's does not lead there.
    """
    coarse = restrict_fields(batch, rules)
    height, width = grids.shape(level)
    restricted = [
        (path, field, is_own(rule_of(rules, key_of(path), before)))
        for (path, field), (_, before) in zip(fields(coarse), fields(batch), strict=True)
        if rule_of(rules, key_of(path), before) is not unchanged
    ]
    if any(_lies(field, (height, width), own) for _, field, own in restricted):
        return coarse
    path, field = next((path, field) for path, field, own in restricted if own)
    raise ValueError(
        f"{caller}: the function that restricts {_named(path)} gave the shape "
        f"{tuple(field.shape)} on level {level}, which has {height}×{width}; it must halve height "
        f"and width."
    )


def _lies(field: Tensor, shape: tuple[int, int], own: bool = False) -> bool:
    """Whether a field has the height and width of a level.

    Rules by name halve the last two dimensions. A function may have others, such as the second and
    third of (n, h, w, c), and a signal (n, c, l) has only the width.
    """
    if not own:
        return tuple(field.shape[-2:]) == shape
    sides = tuple(field.shape[1:])
    return shape in pairwise(sides) or (len(sides) in (1, 2) and sides[-1] == shape[1])


def _elsewhere(caller: str, path: Path, field: Tensor, grids: GridHierarchy, level: int) -> str:
    height, width = grids.shape(level)
    named = f" ({_named(path)})" if path else ""
    size = "×".join(map(str, field.shape[-2:] if field.ndim == 4 else field.shape[1:]))
    return (
        f"{caller}: images of {size} where level {level} of the grids has {height}×{width}{named}. "
        f"Build the grids with the size of the batch's images: GridHierarchy(finest=(height, "
        f"width), …)."
    )


def _not_restricted(
    caller: str,
    left: Sequence[tuple[Path, Tensor]],
    grids: GridHierarchy,
    level: int,
    rules: Rules,
) -> str:
    """What is said of a batch whose fields all stay unchanged, and the rule to give."""
    height, width = grids.shape(level)
    said = (
        f"{caller}: restriction leaves all that lies on the grids unchanged, so that every level "
        f"would be as large as the finest"
    )
    if not left:
        return f"{said}; the batch has no field of {height}×{width}, as level {level} of the grids."
    path, field = max(left, key=lambda item: item[1].numel() / max(len(item[1]), 1))
    key, named, shape = key_of(path), _named(path), tuple(field.shape)
    rule = "averaging" if field.is_floating_point() else "injection"
    if field.ndim == 4 and key is None:
        way_out = f"Give it a rule: restriction={rule!r}."
    elif field.ndim == 4 or (field.ndim == 3 and shape[1:] == (height, width)):
        way_out = f"Give it a rule: restriction={{{key!r}: {rule!r}}}"
        way_out += ", or a channel axis." if field.ndim == 3 else "."
    else:
        function = "function" if key is None else f"{{{key!r}: function}}"
        grey = f" (grey images (n, h, w): {rule!r})" if field.ndim == 3 else ""
        way_out = (
            f"Give it restriction={function}{grey}, a function from the field to the same field "
            f"on the next coarser level, of half the height and width; of half the length for "
            f"signals, whose length is the grids' width. Level {level} of the grids has "
            f"{height}×{width}."
        )
    return f"{said}. {named[0].upper()}{named[1:]} has the shape {shape}. {way_out}"


def _named(path: Path) -> str:
    return f"field {name_of(path)!r}" if path else "the batch"
