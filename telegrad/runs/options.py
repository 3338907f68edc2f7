"""What values options may have: their types, ranges and units."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

AT_LEAST_ONE = (
    *("img_size", "levels", "channels", "batch_size", "ratio", "iterations", "work_units"),
    *("processes", "validations", "val_images", "patch_size", "train_patches", "test_patches"),
)
AT_LEAST_ZERO = ("seed", "skip_updates", "save_every", "memory")
TEXTS = ("data_dir", "cache_dir", "results_dir", "device", "label")

MOST: dict[str, float] = {
    "channels": 10**6,
    "patch_size": 2**15,
    "train_patches": 10**5,
    "test_patches": 10**5,
    "img_size": 2**16,
    "levels": 16,
    "batch_size": 10**6,
    "ratio": 10**3,
    "iterations": 10**8,
    "work_units": 10**12,
    "validations": 10**6,
    "val_images": 10**5,
    "skip_updates": 10**8,
    "processes": 10**4,
    "memory": 2**20,
    "seed": 2**63 - 1,
    "run_id": 2**63 - 1,
    "learning_rate": 1e3,
}
"""The largest values that options take: far more than is of use, and less than hangs a machine."""


def check_types(options: object) -> None:
    """Raises ValueError unless each field of a dataclass has the type that it is annotated with."""
    for name, kind in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if not _fits(value, kind):
            raise ValueError(f"{name}={value!r}: needs {_words(kind)}.")


def check_ranges(options: object) -> None:
    """Raises ValueError for a number out of its range, or a text that names nothing."""
    values = vars(options)
    for name in AT_LEAST_ONE:
        if values[name] is not None and not values[name] >= 1:
            raise ValueError(f"{name}={values[name]}: needs 1 or more.")
    for name in AT_LEAST_ZERO:
        if not values[name] >= 0:
            raise ValueError(f"{name}={values[name]}: needs 0 or more.")
    for name, most in MOST.items():
        if (values[name] or 0) > most:
            raise ValueError(f"{name}={values[name]}: needs at most {most:,}.")
    for name in TEXTS:
        text = values[name]
        if text is not None and (not text.strip() or "\0" in text):
            raise ValueError(f"{name}={text!r}: needs a text with no null character in it.")
    ema, dropout, rate = values["ema"], values["dropout"], values["learning_rate"]
    if ema is not None and not 0 < ema < 1:
        raise ValueError(f"ema={ema}: needs a decay in (0, 1).")
    if dropout is not None and not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout}: needs a probability in [0, 1).")
    if rate is not None and not rate >= 1e-12:
        raise ValueError(f"learning_rate={rate}: needs a positive number, 1e-12 or more.")
    for name in ("decay", "adapt"):
        if values[name] is not None and not 0 < values[name] <= 1:
            raise ValueError(f"{name}={values[name]}: needs a part of the work in (0, 1].")
    patches = values["patches"]
    if patches is not None and not 0 <= patches <= 1:
        raise ValueError(f"patches={patches}: needs a part in [0, 1].")


_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def in_units(budget: str) -> tuple[float, str]:
    """A budget as a number of work units ("wu") or of seconds ("s").

    >>> in_units("5000wu"), in_units("1.5 min")
    ((5000.0, 'wu'), (90.0, 's'))

    Raises:
        ValueError: for another unit, or a number that is not positive and finite.
    """
    matched = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e\d+)?)\s*(wu|s|min|h)\s*", budget, re.ASCII)
    number = float(matched[1]) * _SECONDS.get(matched[2], 1.0) if matched else 0.0
    if not matched or not 0 < number <= MOST["work_units"]:
        raise ValueError(
            f"budget={budget!r}: needs a number above 0 (at most {MOST['work_units']:g}) and a "
            f"unit, wu, s, min or h, such as 5000wu or 10min."
        )
    return number, "wu" if matched[2] == "wu" else "s"


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an option's type. A whole number also serves as a float."""
    of = get_args(kind)
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in of
    if get_origin(kind) is list:
        return isinstance(value, (list, tuple)) and all(_fits(v, of[0]) for v in value)
    if of:
        return any(_fits(value, k) for k in of)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def _words(kind: Any) -> str:
    """An option's type as its users know it."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
