"""The multiscale gradient, and nothing that it doesn't need: torch alone."""

from telegrad.mge.allocation import (
    Form,
    geometric_batch_sizes,
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    work_units,
)
from telegrad.mge.coupling import CoupledDropout
from telegrad.mge.estimator import Estimate, Shells, multiscale_backward
from telegrad.mge.grids import GridHierarchy, restrict

__all__ = [
    "CoupledDropout",
    "Estimate",
    "Form",
    "GridHierarchy",
    "Shells",
    "geometric_batch_sizes",
    "multiscale_backward",
    "optimal_batch_sizes",
    "optimal_nested_batch_sizes",
    "restrict",
    "work_units",
]
