"""Options declared once, on the field that they set: meaning, unit and range.

The command line, files of options, checks and documents all read them from there.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from telegrad.files.paths import expanded

NEEDED: Any = dataclasses.MISSING
"""The default of an option that has none."""


def option(
    default: Any,
    meaning: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    unit: str = "",
    path: bool = False,
    items_of: str = "",
) -> Any:
    """A field of a dataclass that can be set from the command line.

    Args:
        default: its value if nothing is said; `NEEDED` if something must be.
        meaning: in a few words, for `--help`.
        least, most: range of a number, or of each number in a list, ends included.
        above, below: likewise, ends not included.
        unit: of the number in the plural, such as `"pixels"`.
        path: whether it names a file or a folder, or several; then ~ and $VARIABLES are put in
            their places.
        items_of: another option, NAME, of whose value these are arguments; then --NAME.ITEM on the
            command line is one of them.
    """
    numbers = Range(least=least, most=most, above=above, below=below, unit=unit)
    metadata = {"meaning": meaning, "range": numbers, "path": path, "items_of": items_of}
    return dataclasses.field(default=default, metadata=metadata)


def meanings(kind: type) -> dict[str, str]:
    """What each option of a dataclass means, with range and unit, by its name."""
    if not dataclasses.is_dataclass(kind):
        return {}
    said = {field.name: field.metadata for field in _options_of(kind)}
    return {
        name: data["meaning"] + (f" ({data['range']})" if str(data["range"]) else "")
        for name, data in said.items()
    }


def check_options(owner: Any) -> None:
    """Raises ValueError unless each option of a dataclass has its type and lies in its range.

    Paths get ~ and $VARIABLES in their places.

    Fields that were not declared by `option` are not looked at.
    """
    for field in _options_of(owner):
        name, value, numbers = field.name, getattr(owner, field.name), field.metadata["range"]
        kind = _kind(type(owner), field)
        if not _fits(value, kind):
            raise ValueError(f"{name}={value!r}: needs {in_words(kind)}.")
        for part in _parts(value):
            is_number = isinstance(part, (int, float)) and not isinstance(part, bool)
            if is_number and part not in numbers:
                each = "" if part is value else " each"
                raise ValueError(f"{name}={value}: needs {numbers.needed(part)}{each}.")
            if isinstance(part, str) and (not part.strip() or "\0" in part):
                raise ValueError(
                    f"{name}={value!r}: needs a text that is not blank, with no null character in "
                    f"it."
                )
        if field.metadata["path"] and isinstance(value, str):
            object.__setattr__(owner, name, expanded(value))
        elif field.metadata["path"] and isinstance(value, (list, tuple)):
            object.__setattr__(owner, name, [expanded(part) for part in value])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """The finite numbers that an option takes, and the words for them.

    >>> str(Range(least=1, most=2**16, unit="pixels")), str(Range(above=0, most=1))
    ('between 1 and 65,536 pixels', 'above 0 and at most 1')

    Attributes:
        least, most: ends that belong to it.
        above, below: ends that do not.
        unit: of the numbers in the plural, such as `"pixels"`.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    unit: str = ""

    def __contains__(self, number: float) -> bool:
        return (
            _is_finite(number)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        least, most, above, below = map(_shown, (self.least, self.most, self.above, self.below))
        if least and most:
            return self._with_unit(f"between {least} and {most}")
        if least and not below:
            return self._or_more
        ends = (("at least", least), ("above", above), ("below", below), ("at most", most))
        return self._with_unit(" and ".join(f"{word} {end}" for word, end in ends if end))

    def needed(self, number: float) -> str:
        """What a number outside the range should have been.

        >>> Range(least=1, most=2**16, unit="pixels").needed(10**9)
        'at most 65,536 pixels'
        """
        if not _is_finite(number) and self.most is None and self.below is None:
            return "a finite number"
        if self.above is None and self.below is None and (self.least, self.most) != (0, 1):
            if self.least is not None and not number >= self.least:
                return self._or_more
            return f"at most {self._with_unit(_shown(self.most))}"
        return f"a number {self}"

    @property
    def _or_more(self) -> str:
        unit = self.unit.removesuffix("s") if self.least == 1 else self.unit
        return f"{_shown(self.least)} {unit} or more".replace("  ", " ")

    def _with_unit(self, words: str) -> str:
        return f"{words} {self.unit}".strip()


def _options_of(what: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(what) if "meaning" in field.metadata]


def _kind(owner: type, field: dataclasses.Field[Any]) -> Any:
    """An option's type; Any if its annotation names what the module does not have."""
    declaring = [
        base
        for base in owner.__mro__
        if vars(base).get("__dataclass_fields__", {}).get(field.name) is field
    ]
    names = vars(sys.modules[declaring[-1].__module__])
    try:
        return get_type_hints(SimpleNamespace(__annotations__={"kind": field.type}), names)["kind"]
    except (NameError, AttributeError):
        return Any


def _parts(value: Any) -> Iterator[Any]:
    """A value; each one of a list, and of lists in it."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _shown(number: float | None) -> str:
    """With commas; nothing for None."""
    if number is None:
        return ""
    is_whole = isinstance(number, int) or number.is_integer()
    return f"{int(number):,}" if is_whole else f"{number:g}"


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an option's type. A whole number also serves as a float."""
    of, origin = get_args(kind), get_origin(kind)
    if kind is Any:
        return True
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in of)
    if origin in (list, Sequence):
        return isinstance(value, (list, tuple)) and all(_fits(v, of[0]) for v in value)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        parts = [of[0]] * len(value) if of[-1] is Ellipsis else list(of)
        return len(value) == len(parts) and all(map(_fits, value, parts))
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if origin in (Union, UnionType):
        return any(_fits(value, k) for k in of)
    if kind is float and isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


_ONE: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "values by name",
}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def in_words(kind: Any) -> str:
    """An option's type as its users know it."""
    of, origin = [k for k in get_args(kind) if k is not type(None)], get_origin(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, of))}"
    if origin in (Union, UnionType):
        return " or ".join(in_words(k) for k in of)
    if origin is tuple and Ellipsis not in of:
        return f"{len(of)} {_SEVERAL.get(of[0], 'values') if len(set(of)) == 1 else 'values'}"
    if origin in (list, Sequence, tuple):
        return f"a list of {_SEVERAL[of[0]]}" if of[0] in _SEVERAL else "a list"
    if origin in (dict, Mapping):
        return "values by name"
    return _ONE.get(kind, f"a {getattr(kind, '__name__', kind)}")
