"""The multiscale gradient, and nothing that it doesn't need: torch alone."""

from telegrad.mge.coupling import CoupledDropout
from telegrad.mge.estimator import Estimate, multiscale_backward
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.mixing import MixingLayer, freeze_batch_norm, mixing_layers
from telegrad.mge.restriction import RESTRICTIONS, Restriction, restrict
from telegrad.mge.shells import Shells
from telegrad.mge.weights import Form, geometric_batch_sizes, work_units

__all__ = [
    "RESTRICTIONS",
    "CoupledDropout",
    "Estimate",
    "Form",
    "GridHierarchy",
    "MixingLayer",
    "Restriction",
    "Shells",
    "freeze_batch_norm",
    "geometric_batch_sizes",
    "mixing_layers",
    "multiscale_backward",
    "restrict",
    "work_units",
]
