"""The statistics of the levels as plain data, for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from telegrad.diagnostics.gain import COEFFICIENTS, Allocation
from telegrad.diagnostics.interval import Interval
from telegrad.mge.weights import FORMS

if TYPE_CHECKING:
    from telegrad.diagnostics.statistics import LevelStatistics, Unit


def plain_data(statistics: LevelStatistics) -> dict[str, Any]:
    """All of it as numbers, lists and text; None where a number is not known."""
    s = statistics
    units: tuple[Unit, ...] = ("work_units", "seconds") if s.seconds else ("work_units",)
    allocations = [
        {"unit": unit, "coefficients": coefficients, **_fields(best), "gain": s.gain(best, unit)}
        for unit in units
        for form in FORMS
        for coefficients in COEFFICIENTS
        for best in [s.allocation(form, coefficients, unit)]
    ]
    return _plain(
        {
            "finest": s.grids.finest,
            "levels": s.grids.levels,
            "draws": s.draws,
            "parameters": s.parameters,
            "budget": s.budget,
            "covariance": s.covariance,
            "mean_products": s.mean_products,
            "variance": s.variance,
            "correction_variance": s.correction_variance(),
            "correction_variance_with_alphas": s.correction_variance(s.alphas),
            "alphas": s.alphas,
            "correlation": s.correlation,
            "cosine": s.cosine,
            "noise_scale": s.noise_scale,
            "squared_bias": s.squared_bias,
            "kurtosis": s.kurtosis,
            "consistency": s.consistency,
            "work_units": s.work_units,
            "seconds": s.seconds,
            "rates": s.rates,
            "progress": [s.progress(level) for level in range(s.grids.levels)],
            "allocations": allocations,
            "batch_sizes": _fields(s.allocation(budget=s.budget)),
            "separable": s.separable,
            "remarks": s.remarks,
            "advice": s.advice,
        }
    )


def _fields(allocation: Allocation) -> dict[str, Any]:
    return {
        "form": allocation.form,
        "coarsest": allocation.coarsest,
        "batch_sizes": allocation.batch_sizes,
        "alphas": allocation.alphas,
    }


def _plain(value: Any) -> Any:
    """None for nan and infinity, lists and dictionaries for everything with parts."""
    if isinstance(value, Interval):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
