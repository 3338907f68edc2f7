"""Who makes the runs of a comparison, and how many at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from telegrad.experiments.cluster import Cluster
from telegrad.experiments.executors import Executor, Processes
from telegrad.runs.config import Config

Where = Literal["processes", "slurm", "local"]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who makes runs, and how many at a time.

    Args:
        parallel: runs at a time; by default as many as there are cores, on a GPU one, on a cluster
            all.
        threads: of each run; by default the cores divided among them, on a cluster one.
        where: in processes on this machine; or, through submitit, as jobs of Slurm, or on this
            machine for trial (`local`).
        options: submitit's, for jobs.

    Raises:
        ValueError: for a number below 1, or options without jobs.
    """

    parallel: int | None = None
    threads: int | None = None
    where: Where = "processes"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("parallel", "threads"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name}={number}; needs 1 or more.")
        if self.options and self.where == "processes":
            raise ValueError(
                f"executor_options={dict(self.options)} are of jobs; needs executor=slurm or local."
            )

    def for_runs(self, configs: Sequence[Config]) -> tuple[int, int]:
        """Runs at a time, and threads of each."""
        if self.where != "processes":
            return self.parallel or 2**16, self.threads or 1
        cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
        cores = cores or 1
        on_cpu = all(c.runtime.device == "cpu" for c in configs)
        on_cpu = on_cpu or not torch.accelerator.is_available()
        parallel = self.parallel or (cores if on_cpu else 1)
        return parallel, self.threads or max(1, cores // parallel)

    def executor(self, directory: Path, threads: int) -> Executor:
        """Where they are made.

        Raises:
            ValueError: as `Cluster`.
        """
        if self.where == "processes":
            return Processes(threads)
        return Cluster(directory, self.where, threads, self.options)
