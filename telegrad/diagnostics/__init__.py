"""Does it pay? What the gradients of a few draws say about levels, batch sizes and coefficients."""

from telegrad.diagnostics.allocation import optimal_batch_sizes, optimal_nested_batch_sizes
from telegrad.diagnostics.measure import level_statistics
from telegrad.diagnostics.statistics import LevelStatistics

__all__ = [
    "LevelStatistics",
    "level_statistics",
    "optimal_batch_sizes",
    "optimal_nested_batch_sizes",
]
