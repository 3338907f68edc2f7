"""The statistics of the levels as a table, finest level first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from telegrad.diagnostics.gain import COEFFICIENTS, Coefficients
from telegrad.mge.grids import sized
from telegrad.mge.weights import FORMS, Form

if TYPE_CHECKING:
    from telegrad.diagnostics.statistics import LevelStatistics


def table(statistics: LevelStatistics) -> str:
    """All that `LevelStatistics` prints: two tables, rates, predicted gains, remarks, advice."""
    levels = list(reversed(range(statistics.grids.levels)))
    lines = [
        f"LevelStatistics: {statistics.draws} draws on {len(levels)} "
        f"level{'s' * (len(levels) > 1)}, {statistics.parameters:,} parameters",
        f"{'level':>5}{'shape':>10}{'variance':>11}{'V/Var':>8}{'with α':>8}{'α':>7}{'ρ':>7}"
        f"{'kurtosis':>10}{'consistent':>12}",
        *(_coupling_line(statistics, level) for level in levels),
        f"{'level':>5}{'cosine':>10}{'bias²':>11}{'noise scale':>13}{'ms':>8}"
        f"{'work units':>12}  progress",
        *(_mean_line(statistics, level) for level in levels),
    ]
    rates = zip("αβγ", statistics.rates.values(), strict=True)
    equations = ", ".join(f"{symbol} = {_number(rate)}" for symbol, rate in rates)
    lines.append(f"Rates per level, log2: {equations} (mean correction, its variance, cost).")
    if len(levels) > 1:
        lines.append("Predicted gain over one level, work for equal variance:")
        lines += [_gain_line(statistics, form, a) for form in FORMS for a in COEFFICIENTS]
    lines += [f"Remark: {remark}" for remark in statistics.remarks]
    return "\n".join([*lines, f"Advice: {statistics.advice}"])


def _coupling_line(statistics: LevelStatistics, level: int) -> str:
    """Variances of gradient and correction, and how the level is coupled to its neighbors."""
    shape = sized(statistics.grids.shape(level))
    variance, consistency = statistics.variance[level], statistics.consistency[level]
    correction = ["", "", ""]
    if level:
        plain = statistics.correction_variance()[level]
        best = statistics.correction_variance(statistics.alphas)[level]
        own = variance or 1.0
        correction = [f"{x:.2f}" for x in (plain / own, best / own, statistics.alphas[level - 1])]
    return (
        f"{level:>5}{shape:>10}{variance:>11.3g}"
        f"{correction[0]:>8}{correction[1]:>8}{correction[2]:>7}"
        f"{statistics.correlation[level]:>7.2f}{statistics.kurtosis[level]:>10.1f}"
        f"{'–' if consistency is None else f'{consistency:.2f}':>12}"
    )


def _mean_line(statistics: LevelStatistics, level: int) -> str:
    """Mean gradient, cost and progress."""
    norm, cosine, bias = statistics.mean_products[-1][-1], math.nan, math.nan
    if statistics.resolved and norm > 0:
        cosine, bias = statistics.cosine[level], max(statistics.squared_bias[level], 0.0) / norm
    ms = f"{1000 * statistics.seconds[level]:.3g}" if statistics.seconds else ""
    finest = level == statistics.grids.levels - 1
    return (
        f"{level:>5}{_number(cosine):>10}{_number(bias):>11}"
        f"{_number(statistics.noise_scale[level], 1):>13}{ms:>8}"
        f"{statistics.work_units[level]:>12.3g}  {'1' if finest else statistics.progress(level)}"
    )


def _gain_line(statistics: LevelStatistics, form: Form, coefficients: Coefficients) -> str:
    """The gain of the best allocation of a form, and its batch sizes."""
    gain = f"{statistics.gain(statistics.allocation(form, coefficients))} in work units"
    if statistics.seconds:
        timed = statistics.allocation(form, coefficients, "seconds")
        gain += f", {statistics.gain(timed, 'seconds')} in seconds"
    whole = statistics.allocation(form, coefficients, budget=statistics.budget)
    alpha = "best α" if coefficients == "optimal" else "α = 1"
    sizes = "/".join(f"{n:g}" for n in whole.batch_sizes)
    first = f"{whole.coarsest}.." if len(whole.batch_sizes) > 1 else ""
    finest = statistics.grids.levels - 1
    return f"  {form:<12}{alpha:<7} {gain}; batches {sizes} on {first}{finest}"


def _number(x: float, decimals: int = 2) -> str:
    return "–" if math.isnan(x) else f"{x:.{decimals}f}"
