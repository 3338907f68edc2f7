"""Whether a value is a number that may be calculated with: an int or float, or numpy's."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def is_whole(x: Any) -> bool:
    """Whether it is a whole number.

    >>> is_whole(3), is_whole(3.0)
    (True, False)
    """
    return isinstance(x, (int, Integral))  # int first: asking an abstract class is slow


def is_number(x: Any) -> bool:
    """Whether it is a finite real number.

    >>> is_number(0.5), is_number(float("nan")), is_number("1")
    (True, False, False)
    """
    return isinstance(x, (int, float, Real)) and math.isfinite(x)
