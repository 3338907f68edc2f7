"""Multiscale training of convolutional neural networks: the same quality from less work."""

from multiscale.allocation import (
    geometric_batch_sizes,
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    work_units,
)
from multiscale.coupling import CoupledDropout
from multiscale.estimator import Estimate, Shells, multiscale_backward
from multiscale.grids import GridHierarchy, restrict
from multiscale.schedules import Schedule, Stage

__all__ = [
    "CoupledDropout",
    "Estimate",
    "GridHierarchy",
    "Schedule",
    "Shells",
    "Stage",
    "geometric_batch_sizes",
    "multiscale_backward",
    "optimal_batch_sizes",
    "optimal_nested_batch_sizes",
    "restrict",
    "work_units",
]

__version__ = "0.1.0"
