"""What the arguments of a comparison may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telegrad.experiments.comparison import Comparison

LISTS: dict[str, tuple[Any, str]] = {
    "tasks": (str, "names, or dotted paths of classes"),
    "networks": (str, "names, or dotted paths of classes"),
    "strategies": (str, "names, or options of a run by names: {name: {strategy: …}}"),
    "seeds": (int, "whole numbers"),
    "learning_rates": ((int, float), "numbers above 0"),
}
"""Arguments of which there are several, their kinds, and words for these."""


def check_arguments(comparison: Comparison) -> None:
    """Raises ValueError for an argument of another kind, or one of a list that is there twice."""
    for name, (kinds, needed) in LISTS.items():
        values = getattr(comparison, name)
        if values is None and name == "learning_rates":
            continue
        by_name = name == "strategies" and isinstance(values, dict)
        if not (isinstance(values, (list, tuple)) or by_name) or not values:
            raise ValueError(f"{name}={values!r}; needs a list of one or more.")
        if not all(isinstance(v, kinds) and not isinstance(v, bool) for v in values):
            raise ValueError(f"{name}={values!r}; needs {needed}.")
        if len(set(values)) < len(values):
            raise ValueError(f"{name}={values!r}; needs each of them once.")
        if name == "learning_rates" and not all(0 < rate < math.inf for rate in values):
            raise ValueError(f"{name}={values!r}; needs {needed}.")
    if not isinstance(comparison.equal_budgets, bool):
        raise ValueError(f"equal_budgets={comparison.equal_budgets!r}; needs true or false.")
    _check_options("options", comparison.options)
    _check_layers("of_task", comparison.of_task)
    if isinstance(comparison.strategies, dict):
        _check_layers("strategies", comparison.strategies)
    of_several = {"all runs": comparison.options, **comparison.of_task}
    for name, options in of_several.items():
        if options and "strategy" in options:
            raise ValueError(
                f"strategy={options['strategy']} can't be an option of {name}; it is set for each "
                f"run by strategies: --strategies Cascadic,Auto, or their options by names."
            )


def _check_layers(name: str, layers: Any) -> None:
    """Raises ValueError unless it is options by names; None for an empty one will do."""
    _check_options(name, layers)
    for one, options in layers.items():
        _check_options(f"{name}: {one}", {} if options is None else options)


def _check_options(name: str, options: Any) -> None:
    """Raises ValueError unless it is values by names, which are texts."""
    if not isinstance(options, Mapping):
        raise ValueError(f"{name}={options!r}; needs options by name, such as {{steps: 40}}.")
    for one in options:
        if not isinstance(one, str):
            raise ValueError(f"{name}: {one!r} is no name of an option; needs a text.")
