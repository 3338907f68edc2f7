"""A weighted sum of losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from telegrad.losses.base import Loss, data_range_option
from telegrad.losses.named import named_loss
from telegrad.losses.per_sample import per_sample
from telegrad.options import NEEDED, option

KEYS = ("class_path", "init_args", "weight")


@dataclass(frozen=True, kw_only=True)
class Sum(Loss):
    """Σ w_k ℓ_k of losses ℓ_k, one number per sample.

    >>> loss = Sum(terms={"L1": 1.0, "FFT": 0.1})
    >>> loss = Sum(terms=[{"class_path": "Charbonnier", "init_args": {"epsilon": 0.01}},
    ...                   {"class_path": "torch.nn.MSELoss", "init_args": {"reduction": "none"},
    ...                    "weight": 0.5}])

    Terms are named as plain data, so that a run's file describes them; each names a class derived
    from `Loss` or `torch.nn.Module`, which alone is called. All terms that need the width of the
    images' range have the same.

    Raises:
        ValueError: for a term that is no loss, or a weight that is not above 0.
    """

    terms: dict[str, float] | list[dict[str, Any]] = option(
        NEEDED, "weights by the losses' names; or a list of class_path, init_args and weight"
    )
    data_range: float | None = data_range_option()

    parts: tuple[tuple[float, Callable[[Tensor, Tensor], Tensor]], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        parts = []
        for name, arguments, weight in _named(self.terms):
            number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
            if not (number and math.isfinite(weight) and weight > 0):
                raise ValueError(f"Sum: the weight of {name} is {weight!r}; needs one above 0.")
            loss = named_loss(name, arguments)
            if isinstance(loss, Loss) and self.data_range is not None:
                loss = loss.for_range(self.data_range)
            parts.append((float(weight), loss))
        if not parts:
            raise ValueError("Sum: no terms; needs one or more, such as {'L1': 1, 'FFT': 0.1}.")
        object.__setattr__(self, "parts", tuple(parts))

    def __hash__(self) -> int:
        return hash((repr(self.terms), self.data_range))

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        weighted = [weight * per_sample(loss, restored, clean) for weight, loss in self.parts]
        return sum(weighted[1:], weighted[0])


def _named(terms: Mapping[str, Any] | list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Name, arguments and weight of each term."""
    if isinstance(terms, Mapping):
        for name, weight in terms.items():
            yield name, None, weight
        return
    for term in terms:
        if not isinstance(term, Mapping) or "class_path" not in term or set(term) - set(KEYS):
            raise ValueError(
                f"Sum: term {term!r}; needs class_path, and init_args and weight if there are any."
            )
        yield term["class_path"], term.get("init_args"), term.get("weight", 1.0)
