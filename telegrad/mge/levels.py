"""Whether a batch lies on a level of the grids, and follows them when it is restricted.

A batch that does not follow would be walked at one size on all levels, at many times the work that
is reported. So at least one field must be restricted, and have the shape of each level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from telegrad.mge.batches import Path, fields, name_of
from telegrad.mge.grids import SIDES, GridHierarchy, sized
from telegrad.mge.restriction import Rules, is_own, restrict_fields, rule_of, unchanged

KINDS = {
    1: ("signals", "(length,)"),
    2: ("images", "(height, width)"),
    3: ("volumes", "(depth, height, width)"),
}
"""What fields are called, and how the size of their grids is written, by their dimension."""


def check_level(
    caller: str, batch: Any, grids: GridHierarchy, level: int, rules: Rules, halvings: int = 0
) -> None:
    """Raises ValueError unless a batch lies on `level`, and can be halved from there.

    With several levels, some field that is restricted must have the level's shape. With one, images
    (n, c, h, w) must have it if there are any, or volumes or signals.
    """
    keyed = fields(batch)
    if grids.levels == 1:
        images = [(path, field) for path, field in keyed if field.ndim == 2 + len(grids.finest)]
        if images and not any(_lies(field, grids.shape(level)) for _, field in images):
            raise ValueError(_elsewhere(caller, *images[0], grids, level))
        return
    functions = [rule_of(rules, path, field, grids) for path, field in keyed]
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
        if not own and not _can_be_halved(field, grids, halvings):
            divisible = f"1 and a multiple of {2**halvings}" if grids.nodes else ""
            raise ValueError(
                f"{caller}: field {name_of(path)!r} of shape {tuple(field.shape)} can't be halved "
                f"{halvings} time{'s' * (halvings > 1)}; {SIDES[len(grids.finest)]} must be "
                f"{divisible or f'divisible by {2**halvings}'}. A field without a mesh needs the "
                f"rule 'unchanged'."
            )


def next_coarser(caller: str, batch: Any, grids: GridHierarchy, level: int, rules: Rules) -> Any:
    """The batch restricted to `level`.

    Raises:
        ValueError: if a function of the user's does not lead there.
    """
    coarse = restrict_fields(batch, rules, grids)
    given = rules.values() if isinstance(rules, Mapping) else (rules,)
    if not any(callable(rule) and is_own(rule) for rule in given):
        return coarse  # each rule by name halves what is to be halved
    functions = [rule_of(rules, path, field, grids) for path, field in fields(batch)]
    restricted = [
        (path, field, is_own(function))
        for (path, field), function in zip(fields(coarse), functions, strict=True)
        if function is not unchanged
    ]
    if any(_lies(field, grids.shape(level), own) for _, field, own in restricted):
        return coarse
    path, field = next((path, field) for path, field, own in restricted if own)
    raise ValueError(
        f"{caller}: the function that restricts {_named(path)} gave the shape "
        f"{tuple(field.shape)} on level {level}, which has {sized(grids.shape(level))}; it must "
        f"halve {SIDES[len(grids.finest)]}."
    )


def _lies(field: Tensor, shape: tuple[int, ...], own: bool = False) -> bool:
    """Whether a field has the shape of a level.

    Rules by name halve the last dimensions. A function may have others, such as the second and
    third of (n, h, w, c), and of a signal (n, c, l) the width of plane grids.
    """
    d, sides = len(shape), tuple(field.shape[1:])
    if not own:
        return sides[-d:] == shape
    anywhere = any(sides[k : k + d] == shape for k in range(len(sides) - d + 1))
    return anywhere or (d == 2 and len(sides) in (1, 2) and sides[-1] == shape[1])


def _can_be_halved(field: Tensor, grids: GridHierarchy, times: int) -> bool:
    ends = 1 if grids.nodes else 0
    sides = zip(field.shape[-len(grids.finest) :], grids.blocks, strict=False)
    return not any((n - ends) % 2**times for n, block in sides if block == 2)


def _elsewhere(caller: str, path: Path, field: Tensor, grids: GridHierarchy, level: int) -> str:
    d = len(grids.finest)
    named = f" ({_named(path)})" if path else ""
    size = sized(field.shape[-d:] if field.ndim == 2 + d else field.shape[1:])
    kind, sides = KINDS[d]
    return (
        f"{caller}: {kind} of {size} where level {level} of the grids has "
        f"{sized(grids.shape(level))}{named}. Build the grids with the size of the batch's {kind}: "
        f"GridHierarchy(finest={sides}, …)."
    )


def _not_restricted(
    caller: str,
    left: Sequence[tuple[Path, Tensor]],
    grids: GridHierarchy,
    level: int,
    rules: Rules,
) -> str:
    """What is said of a batch whose fields all stay unchanged, and the rule to give."""
    d, shape = len(grids.finest), grids.shape(level)
    said = (
        f"{caller}: restriction leaves all that lies on the grids unchanged, so that every level "
        f"would be as large as the finest"
    )
    if not left:
        return f"{said}; the batch has no field of {sized(shape)}, as level {level} of the grids."
    path, field = max(left, key=lambda item: item[1].numel() / max(len(item[1]), 1))
    key, named = name_of(path), _named(path)
    cells = "averaging" if field.is_floating_point() else "injection"
    rule = "full_weighting" if grids.nodes and cells == "averaging" else cells
    if field.ndim == 2 + d and key is None:
        way_out = f"Give it a rule: restriction={rule!r}."
    elif field.ndim == 2 + d or (field.ndim == 1 + d and tuple(field.shape[1:]) == shape):
        way_out = f"Give it a rule: restriction={{{key!r}: {rule!r}}}"
        way_out += ", or a channel axis." if field.ndim == 1 + d else "."
    else:
        function = "function" if key is None else f"{{{key!r}: function}}"
        grey = f" (grey images (n, h, w): {rule!r})" if field.ndim == 3 and d == 2 else ""
        others = [KINDS[k] for k in KINDS if k != d and field.ndim == 2 + k]
        other = "".join(f" For {kind}: GridHierarchy(finest={s}, …)." for kind, s in others)
        way_out = (
            f"Give it restriction={function}{grey}, a function from the field to the same field "
            f"on the next coarser level, of half the {SIDES[d]}; of half the length for "
            f"signals. Level {level} of the grids has {sized(shape)}.{other}"
        )
    return f"{said}. {named[0].upper()}{named[1:]} has the shape {tuple(field.shape)}. {way_out}"


def _named(path: Path) -> str:
    return f"field {name_of(path)!r}" if path else "the batch"
