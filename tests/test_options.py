"""Options: what they may be, and what is said of those that they may not."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Literal

import pytest

from telegrad.options import NEEDED, Range, check_options, meanings, option


def check(kind, value, **limits):
    """Checks an option `x` of this type with this value."""

    @dataclass(frozen=True, kw_only=True)
    class Owner:
        x: kind = option(NEEDED, "a thing", **limits)

        def __post_init__(self):
            check_options(self)

    return Owner(x=value)


# --- types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 3),
        (int, 10**400),
        (float, 2.5),
        (float, 2),
        (str, "a"),
        (bool, False),
        (int | None, None),
        (float | str, "1h"),
        (Literal["a", "b"], "b"),
        (Literal[2, 3, 4], 3),
        (Literal["a"] | None, None),
        (list[int], [1, 2]),
        (list[int], (1, 2)),
        (list[int], []),
        (Sequence[str], ("a",)),
        (list, [1, "a"]),
        (tuple[float, float], [1, 2.5]),
        (tuple[int, ...], (1, 2, 3)),
        (tuple[int, str], (1, "a")),
        (list[tuple[int, int]], [(1, 2), (3, 4)]),
        (dict[str, Any], {"a": 1}),
        (Mapping[str, float], {}),
        (Annotated[int, "anything"], 3),
        (Any, object()),
    ],
)
def test_values_of_the_type_are_taken_as_they_are(kind, value):
    assert check(kind, value).x is value


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (int, 2.0, "x=2.0: needs a whole number."),
        (int, "2", "x='2': needs a whole number."),
        (int, True, "x=True: needs a whole number."),
        (int, None, "x=None: needs a whole number."),
        (float, True, "x=True: needs a number."),
        (float, "2", "x='2': needs a number."),
        (str, 3, "x=3: needs a text."),
        (bool, 1, "x=1: needs true or false."),
        (bool, "true", "x='true': needs true or false."),
        (int | None, "a", "x='a': needs a whole number."),
        (int | str, 1.5, "x=1.5: needs a whole number or a text."),
        (Literal["a", "b"], "c", "x='c': needs one of a, b."),
        (Literal["a", "b"], ["a"], "x=['a']: needs one of a, b."),
        (Literal[2, 3], 4, "x=4: needs one of 2, 3."),
        (Literal[1, 2], True, "x=True: needs one of 1, 2."),
        (Literal["a"] | None, "b", "x='b': needs one of a."),
        (list[int], [1, 2.5], "x=[1, 2.5]: needs a list of whole numbers."),
        (list[int], 3, "x=3: needs a list of whole numbers."),
        (list[int], "12", "x='12': needs a list of whole numbers."),
        (list[float], {"a": 1.0}, "x={'a': 1.0}: needs a list of numbers."),
        (list[str] | None, [1], "x=[1]: needs a list of texts."),
        (list[Literal["a"]], ["b"], "x=['b']: needs a list."),
        (list, 3, "x=3: needs a list."),
        (tuple[float, float], (1.0,), "x=(1.0,): needs 2 numbers."),
        (tuple[float, float], (1.0, 2.0, 3.0), "x=(1.0, 2.0, 3.0): needs 2 numbers."),
        (tuple[float, float], 1.0, "x=1.0: needs 2 numbers."),
        (tuple[int, int], (1, 2.5), "x=(1, 2.5): needs 2 whole numbers."),
        (tuple[int, str], ("a", 1), "x=('a', 1): needs 2 values."),
        (tuple[int, ...], ("a",), "x=('a',): needs a list of whole numbers."),
        (dict[str, int], [1], "x=[1]: needs values by name."),
        (Range, 3, "x=3: needs a Range."),
    ],
)
def test_values_of_another_type_are_refused_in_the_users_words(kind, value, says):
    with pytest.raises(ValueError) as raised:
        check(kind, value)
    assert str(raised.value) == says


def test_a_whole_number_too_large_for_a_float_is_no_number():
    with pytest.raises(ValueError, match="needs a number"):
        check(float, 10**400)


# --- ranges ---------------------------------------------------------------------------------------

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        ({"least": 1}, (1, 10**400), {0: "1 or more", -INFINITY: "a finite number"}),
        ({"most": 9}, (9, -5), {10: "at most 9", NAN: "at most 9"}),
        ({"least": 1, "most": 9}, (1, 9), {0: "1 or more", 10: "at most 9", NAN: "1 or more"}),
        ({"least": 1, "most": 1e12}, (1e12,), {INFINITY: "at most 1,000,000,000,000"}),
        (
            {"least": 0, "most": 1},
            (0, 1, 0.5),
            {-0.1: "a number between 0 and 1", 1.5: "a number between 0 and 1"},
        ),
        ({"above": 0}, (5e-324,), {0: "a number above 0", INFINITY: "a finite number"}),
        ({"above": 0, "most": 1}, (1,), {0: "a number above 0 and at most 1"}),
        ({"above": 0, "below": 1}, (0.5,), {1: "a number above 0 and below 1"}),
        ({"least": 0, "below": 1}, (0,), {1: "a number at least 0 and below 1"}),
        ({"least": 1e-12}, (1e-12,), {0: "1e-12 or more"}),
        ({}, (-(10**400), 0.0), {NAN: "a finite number", INFINITY: "a finite number"}),
        ({"least": 16, "unit": "pixels"}, (16,), {4: "16 pixels or more"}),
        ({"most": 2**16, "unit": "pixels"}, (4,), {10**9: "at most 65,536 pixels"}),
        ({"above": 0, "unit": "seconds"}, (1,), {0: "a number above 0 seconds"}),
    ],
)
def test_a_number_outside_its_range_is_refused_with_the_end_that_it_passed(limits, inside, outside):
    for value in inside:
        kind = int if isinstance(value, int) else float
        assert check(kind, value, **limits).x == value
    for value, needs in outside.items():
        with pytest.raises(ValueError) as raised:
            check(float, value, **limits)
        assert str(raised.value) == f"x={value}: needs {needs}."


def test_every_one_of_several_numbers_lies_in_the_range():
    assert check(list[int], [1, 2], least=1).x == [1, 2]
    for kind, value in (
        (list[int], [1, 0]),
        (tuple[int, int], (0, 1)),
        (list[tuple[int, int]], [(1, 1), (1, 0)]),
    ):
        with pytest.raises(ValueError) as raised:
            check(kind, value, least=1, unit="pixels")
        assert str(raised.value) == f"x={value}: needs 1 pixel or more each."


def test_none_has_no_range_and_true_is_no_number():
    assert check(float | None, None, least=1).x is None
    assert check(bool | int, False, least=1).x is False


@pytest.mark.parametrize("text", ["", " \n", "a\0b"])
def test_a_text_says_something(text):
    for kind, value in ((str, text), (str | None, text), (list[str], ["a", text])):
        with pytest.raises(ValueError, match="needs a text that is not blank, with no null char"):
            check(kind, value)


# --- declarations ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Base:
    needed: str = option(NEEDED, "what is said first")
    size: int = option(64, "of a crop", least=1, most=2**16, unit="pixels")

    def __post_init__(self):
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class Derived(Base):
    wait: float = option(2.0, "between two looks", unit="seconds")
    rate: float | None = option(None, "of learning", above=0, most=1)
    plain: str = "not an option"
    inner: list = field(default_factory=list)


def test_an_option_without_a_default_must_be_said():
    assert next(f for f in fields(Base) if f.name == "needed").default is MISSING
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'needed'"):
        Base()
    assert Base(needed="a").size == 64


def test_options_of_the_class_that_it_derives_from_are_checked():
    assert Derived(needed="a").wait == 2.0
    with pytest.raises(ValueError, match="^size=0: needs 1 pixel or more"):
        Derived(needed="a", size=0)
    with pytest.raises(ValueError, match="^needed=7: needs a text"):
        Derived(needed=7)


def test_plain_fields_are_left_alone():
    assert Derived(needed="a", plain=7).plain == 7


def test_meanings_have_ranges_and_units_and_nothing_of_plain_fields():
    assert meanings(Derived) == {
        "needed": "what is said first",
        "size": "of a crop (between 1 and 65,536 pixels)",
        "wait": "between two looks (seconds)",
        "rate": "of learning (above 0 and at most 1)",
    }
    assert meanings(int) == {}


TEXTS_AS_ANNOTATIONS = """
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from telegrad.options import check_options, option
if TYPE_CHECKING:
    from nowhere import Thing
Choice = Literal["a", "b"]
def local():
    Inner = Literal["c"]
    @dataclass(frozen=True, kw_only=True)
    class Owner:
        choice: Choice = option("a", "of two")
        number: Thing | None = option(2, "of an unknown type", least=1)
        inner: Inner = option("c", "of a type that only the function knows")
        other: Thing | None = None
        def __post_init__(self):
            check_options(self)
    return Owner
"""


def test_annotations_may_be_texts_and_name_what_only_a_type_checker_knows(tmp_path, monkeypatch):
    (tmp_path / "texts_as_annotations.py").write_text(TEXTS_AS_ANNOTATIONS)
    monkeypatch.syspath_prepend(tmp_path)
    from texts_as_annotations import local

    owner = local()
    assert owner(other=3).choice == "a"
    with pytest.raises(ValueError, match="^choice='c': needs one of a, b"):
        owner(choice="c")
    with pytest.raises(ValueError, match="^number=0: needs 1 or more"):
        owner(number=0)

    @dataclass(frozen=True, kw_only=True)
    class Derived(owner):
        more: str = option("a", "declared in another module")

    with pytest.raises(ValueError, match="^choice='c': needs one of a, b"):
        Derived(choice="c")
