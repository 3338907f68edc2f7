"""The sentence that a reader of a report wants: what a strategy saves, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping

from telegrad.experiments.course import Cost
from telegrad.experiments.equal_cost import COSTS, EqualCost, Saving, usual_and_best
from telegrad.experiments.significance import FEWEST, with_error
from telegrad.experiments.summary import Setting

LEVEL = 1.05
"""Ratios between this and its inverse are said to be none."""

_WORDS: dict[Cost, tuple[str, str, str]] = {
    "seconds": ("fewer seconds", "more seconds", "as many seconds"),
    "work_units": ("less work", "more work", "as much work"),
}


def headline(setting: Setting, equal: EqualCost, modes: Mapping[str, str]) -> list[str]:
    """Sentences about a setting, the most wanted first.

    Args:
        setting: with its configurations, best first.
        equal: the same at equal cost.
        modes: short name of the strategy's class, by the strategy's name.
    """
    if not setting.configurations:
        return ["No run is finished."]
    pair = usual_and_best(setting.configurations, modes)
    if pair is None:
        only = setting.configurations[0]
        quality = with_error(only.measured["psnr"], ".2f")
        return [f"{only.strategy} ends at {quality} dB; there is nothing to compare it with."]
    usual, best = (c.strategy for c in pair)
    savings = {cost: equal.saving(best, usual, cost) for cost in reversed(COSTS)}
    said = [_reached(best, usual, savings), *_at_equal_cost(equal, best, usual)]
    seeds = savings["seconds"].seeds
    if seeds == 1:
        said.append("With one seed no difference can be told from chance.")
    elif 1 < seeds < FEWEST:
        said.append(f"{seeds} seeds are too few for an interval.")
    if not setting.equal_budgets:
        said.append("Budgets differ by more than 2 % of their work units: compare with care.")
    return said


def _reached(best: str, usual: str, savings: Mapping[Cost, Saving]) -> str:
    """Whether the one became as good as the other, and with how much less."""
    one = savings["seconds"]
    if not one.seeds:
        return f"{best} and {usual} have no seed in common that can be read."
    seeds = f"{one.seeds} seed{'s' * (one.seeds > 1)}"
    if one.reached == one.seeds:
        parts = [words for cost, saving in savings.items() if (words := _times(saving, cost))]
        return f"{best} reached the quality of {usual} with {' and '.join(parts)}; {seeds}."
    if one.reached:
        return f"{best} reached the quality of {usual} with {one.reached} of {seeds} only."
    return f"{best} did not reach the quality of {usual} within its budget; {seeds}."


def _times(saving: Saving, cost: Cost) -> str:
    """How many times less of a cost, with its interval."""
    if saving.times is None:
        return ""
    less, more, same = _WORDS[cost]
    if 1 / LEVEL < saving.times < LEVEL:
        return same
    ends = [saving.low, saving.high]
    times, words = saving.times, less
    if times < 1:
        ends, times, words = [None if e is None else 1 / e for e in reversed(ends)], 1 / times, more
    interval = "" if None in ends else f" ({ends[0]:.1f}–{ends[1]:.1f})"
    return f"{times:.1f}×{interval} {words}"


def _at_equal_cost(equal: EqualCost, best: str, usual: str) -> list[str]:
    """PSNR of both where they have spent the same."""
    parts = []
    for cost in COSTS:
        limit, means = equal.limits[cost], (equal.psnr[cost].get(best), equal.psnr[cost].get(usual))
        if limit is None or None in means:
            continue
        mine, theirs = (with_error(mean, ".2f") for mean in means)
        parts.append(f"at equal {said_cost(cost, limit)} {mine} dB against {theirs} dB")
    text = "; ".join(parts)
    return [f"{text[0].upper()}{text[1:]}."] if parts else []


def said_cost(cost: Cost, limit: float) -> str:
    """A cost in words.

    >>> said_cost("work_units", 2000.0), said_cost("seconds", 12.34)
    ('work (2,000 work units)', 'seconds (12.3 s)')
    """
    if cost == "work_units":
        return f"work ({limit:,.0f} work units)"
    return f"seconds ({limit:,.3g} s)" if limit < 1000 else f"seconds ({limit:,.0f} s)"
