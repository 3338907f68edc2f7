"""Strategies whose batch sizes may follow measurements of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

from telegrad.options import option
from telegrad.schedules.adaptation import Adaptation
from telegrad.schedules.schedule import Schedule
from telegrad.schedules.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class AdaptiveStrategy(Strategy):
    """A strategy whose levels, batch sizes and coefficients can be chosen anew while it trains."""

    adapt: float | None = option(
        None,
        "part of the work, such as 0.05, for probes of the gradients, after which levels, batch "
        "sizes and coefficients are chosen anew",
        above=0,
        most=1,
    )

    def adaptation(self, schedule: Schedule) -> Adaptation | None:
        return None if self.adapt is None else Adaptation.of(schedule, self.adapt)
