"""Multiscale training of convolutional neural networks: the same quality from less work."""

from multiscale.allocation import (
    geometric_batch_sizes,
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    work_units,
)
from multiscale.coupling import CoupledDropout
from multiscale.diagnostics import level_statistics
from multiscale.estimator import Estimate, Shells, multiscale_backward
from multiscale.grids import GridHierarchy, restrict
from multiscale.schedules import Schedule, Stage
from multiscale.statistics import LevelStatistics

__all__ = [
    "CoupledDropout",
    "Estimate",
    "GridHierarchy",
    "LevelStatistics",
    "Schedule",
    "Shells",
    "Stage",
    "geometric_batch_sizes",
    "level_statistics",
    "multiscale_backward",
    "optimal_batch_sizes",
    "optimal_nested_batch_sizes",
    "restrict",
    "work_units",
]

__version__ = "0.1.0"
