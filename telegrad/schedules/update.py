"""How the gradient of a step is made, and what of it the optimizer is given."""

from __future__ import annotations

from dataclasses import dataclass

from telegrad.options import check_options, option


@dataclass(frozen=True, kw_only=True)
class Update:
    """How the gradient of a step is made, and what of it the optimizer is given.

    >>> Update(clip=1.0)
    Update(clip=1.0, accumulate=1)
    """

    clip: float | None = option(
        None, "largest norm of the gradient; a longer one is made so long", above=0, most=1e12
    )
    accumulate: int = option(
        1,
        "passes over a level's part of a batch, for less memory; the gradient is the same",
        least=1,
        most=10**6,
    )

    def __post_init__(self) -> None:
        check_options(self)
