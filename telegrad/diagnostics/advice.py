"""What the statistics of the levels say to do, and what stands in the way of believing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from telegrad.diagnostics.gain import Allocation
from telegrad.diagnostics.interval import FEWEST, Interval
from telegrad.diagnostics.progress import step_limit

if TYPE_CHECKING:
    from telegrad.diagnostics.statistics import LevelStatistics

PAYS = 1.1
"""A predicted factor below this is not worth the trouble."""


def remarks(statistics: LevelStatistics) -> tuple[str, ...]:
    """What stands in the way of believing the numbers, a sentence or two for each."""
    draws = statistics.draws
    sentences = []
    if not statistics.separable:
        sentences.append(
            "The losses of several draws together differ from those of each alone: either they "
            "mix samples (batch normalization in training mode), which can't be diagnosed, or "
            "they are random; use CoupledDropout for dropout."
        )
    if draws < FEWEST:
        sentences.append(f"Too few draws ({draws}) for confidence intervals; take {FEWEST}+.")
    for level, kurtosis in enumerate(statistics.kurtosis):
        error = math.sqrt(max(kurtosis - 1, 0) / draws)
        if kurtosis > 100 or error > 0.5:
            sentences.append(
                f"The correction's variance on level {level} can't be trusted: kurtosis "
                f"{kurtosis:.0f}, standard error {100 * error:.0f} %. Take more draws."
            )
    if not statistics.resolved:
        sentences.append(
            f"{draws} draws don't tell the finest mean gradient from 0: cosine, bias and "
            f"progress mean little."
        )
    finest_samples = statistics.budget / statistics.work_units[-1]
    if statistics.resolved and statistics.noise_scale[-1] < finest_samples:
        sentences.append(
            f"Noise hardly limits a step of {finest_samples:g} samples on the finest level (noise "
            f"scale {statistics.noise_scale[-1]:.1f}): smaller batches do."
        )
    if statistics.inconsistent:
        sentences.append(
            f"The telescoping sum does not hold on {_levels(statistics.inconsistent)}: the draws "
            f"made there are not distributed as restricted ones (consistency above 1). Coarsen "
            f"stored images by the rule of `restriction`."
        )
    return tuple(sentences)


def advice(statistics: LevelStatistics) -> str:
    """One sentence: what these numbers say to do next.

    First mend what makes the sum wrong, then take enough draws. Then, of training on a coarser
    level and the best telescoping sum, choose the one whose progress per work unit has the larger
    lower bound, if that is above 1; else one level.

    Variance is not progress: where even a step of one finest sample has too little noise for a sum
    to gain what its variance promises, the steps that are cheap are what counts.
    """
    finest = statistics.grids.levels - 1
    if statistics.inconsistent:
        return (
            f"Don't use the multiscale gradient as it is: the telescoping sum does not hold on "
            f"{_levels(statistics.inconsistent)}."
        )
    if not statistics.separable:
        return "Make the losses independent of each other first; see the remark above."
    if finest == 0:
        return "There is one level: nothing to choose."
    if statistics.draws < FEWEST:
        return f"Too few draws ({statistics.draws}) to advise; take {FEWEST} or more, better 48."
    best = statistics.allocation(budget=statistics.budget)
    gain = statistics.gain(best)
    choices = {level: statistics.progress(level) for level in range(finest)}
    choices[finest] = gain
    limit = step_limit(statistics)
    if limit.high < gain.low and gain.value >= PAYS:
        return _cheap_steps(statistics, gain, limit)
    level = max(choices, key=lambda choice: choices[choice].low)
    if choices[level].low <= 1 or choices[level].value < PAYS:
        reason = "one level alone is best" if best.one_level else f"the best is predicted {gain}"
        return f"A telescoping sum does not pay here ({reason}); train on one level."
    if level == finest:
        return f"Use {_batches(best)}: predicted {gain} less work for the same variance."
    return (
        f"Train on level {level} first: a work unit there lowers the finest loss {choices[level]} "
        f"as much as one on level {finest} (cosine of the mean gradients "
        f"{statistics.cosine[level]:.2f})."
    )


def _cheap_steps(statistics: LevelStatistics, gain: Interval, limit: Interval) -> str:
    """Advice where noise does not limit steps: the best use of many small ones."""
    finest = statistics.grids.levels - 1
    sums = [statistics.allocation(budget=work) for work in _step_works(statistics)]
    best = max(sums, key=lambda one: statistics.step_gain(one).value)
    of_sum = statistics.step_gain(best)
    worth = {level: statistics.progress(level, batch_size=1) for level in range(finest)}
    level = max(worth, key=lambda choice: worth[choice].low)
    reason = (
        f"variance is not progress: a telescoping sum needs {gain} less work for the same "
        f"variance, but at most {limit} less for the same progress, since each of its steps takes "
        f"a finest sample, which alone has little noise (noise scale "
        f"{statistics.noise_scale[-1]:.1f})."
    )
    if worth[level].low > max(of_sum.value, 1) and worth[level].value >= PAYS:
        return (
            f"Take cheap steps, coarse to fine in small batches: a work unit on level {level}, one "
            f"sample a step, lowers the finest loss {worth[level]} as much as on level {finest}; "
            f"{reason}"
        )
    if of_sum.low > 1 and of_sum.value >= PAYS and not best.one_level:
        return (
            f"Use small steps, {_batches(best)}: a work unit lowers the loss {of_sum} as much as "
            f"in steps of one finest sample; {reason}"
        )
    return f"Take cheap steps on level {finest}, of one sample or a few: {reason}"


def _step_works(statistics: LevelStatistics) -> list[float]:
    """Work of a step, from one finest sample up to the budget, for batch sizes to be tried."""
    work = statistics.work_units[-1]
    works = [work * 2 ** (k / 2) for k in range(20)]
    return [w for w in works if w <= statistics.budget]


def _batches(allocation: Allocation) -> str:
    if allocation.one_level:
        return f"one level with batch {allocation.batch_sizes[-1]:g}"
    sizes = "/".join(f"{n:g}" for n in allocation.batch_sizes)
    alphas = "/".join(f"{a:.2f}" for a in allocation.alphas)
    levels = f"{allocation.coarsest}..{allocation.coarsest + len(allocation.batch_sizes) - 1}"
    return f"{allocation.form} batches {sizes} on levels {levels} with α {alphas}"


def _levels(levels: Sequence[int]) -> str:
    return f"level{'s' * (len(levels) > 1)} {', '.join(map(str, levels))}"
