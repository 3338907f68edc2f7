"""Optimizers beside torch's own, by their dotted path: --optimizer telegrad.optimizers.Muon."""

from telegrad.optimizers.muon import Muon

__all__ = ["Muon"]
