"""Samples of image files as 8 or 16 bits, by one rule for every kind of number.

8 and 16 bits are taken as they are, 10 to 14 bits are stretched to 16. Floating point in [0, 1]
becomes 16 bits. Wider integers are 16 bits where their values are. All else is refused.
"""

from __future__ import annotations

import numpy as np

FULL = 65535


def as_samples(values: np.ndarray, bits: int | None = None) -> np.ndarray:
    """The same image as uint8 or uint16.

    Args:
        values: of any shape and type.
        bits: of each value, where the type is wider than the file's samples.

    Raises:
        ValueError: if the rule does not say what they mean; with their type and range.
    """
    kind = values.dtype
    if kind == np.uint8 or (kind == np.uint16 and bits in (None, 16)):
        return values
    if kind.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind.kind == "f":
        return _of_fractions(values)
    if kind.kind not in "iu":
        raise ValueError(f"values of type {kind}; needs integers or floating point")
    low, high = int(values.min()), int(values.max())
    said = f"integers of type {kind} in the range {low} … {high}"
    if low < 0 or high > FULL or kind == np.int8:
        raise ValueError(f"{said}; needs 0 … {FULL}, in 16 bits; or 8 bits without sign")
    if bits is not None and 8 < bits < 16:
        return (values.astype(np.float64) * (FULL / (2**bits - 1))).round().astype(np.uint16)
    if kind.itemsize > 2 and high < 256 and bits is None:
        raise ValueError(f"{said}, which may be meant as 8 or as 16 bits; save it as one of them")
    return values.astype(np.uint16)


def _of_fractions(values: np.ndarray) -> np.ndarray:
    """[0, 1] as 16 bits."""
    if not np.isfinite(values).all():
        raise ValueError(f"floating point of type {values.dtype} with values that are not finite")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"floating point of type {values.dtype} in the range {low:g} … {high:g}; needs [0, 1]. "
            f"Scale it, or save it as 8 or 16 bits"
        )
    return (values.astype(np.float64) * FULL).round().astype(np.uint16)
