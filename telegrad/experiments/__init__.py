"""Runs side by side: compared, launched, summarized; pages and charts are in their own modules."""

from telegrad.experiments.comparison import Comparison, comparison_of
from telegrad.experiments.launch import launch_comparison
from telegrad.experiments.summary import Summary, summarize, write_summary

__all__ = [
    "Comparison",
    "Summary",
    "comparison_of",
    "launch_comparison",
    "summarize",
    "write_summary",
]
