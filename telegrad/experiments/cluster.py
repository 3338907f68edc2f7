"""Runs as jobs of a cluster, through submitit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from telegrad.experiments.executors import environment_of, output_of, words_of
from telegrad.runs.config import Config

Kind = Literal["slurm", "local"]
"""`local` is submitit's own, which makes jobs on this machine."""

MINUTES = 24 * 60
"""That a job may take, where nothing is said."""


@dataclass(frozen=True)
class Made:
    """What a job does: one run, which begins or goes on as what lies in its directory asks for."""

    config: Config
    threads: int

    def __call__(self) -> int:
        """The run's exit code."""
        command = [sys.executable, "-m", "telegrad", *words_of(self.config)]
        environment = os.environ | environment_of(self.threads)
        with output_of(self.config).open("ab") as output:
            return subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            ).returncode

    def checkpoint(self) -> Any:
        """What is submitted when the job's time is up: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class Job:
    """A run that was submitted; `job` is submitit's."""

    config: Config
    job: Any

    def poll(self) -> int | None:
        if not self.job.done():
            return None
        if self.job.exception() is not None:
            return 1
        return int(self.job.result())

    def stop(self) -> None:
        """The cluster tells its processes to end, which then save."""
        self.job.cancel(check=False)

    def wait(self) -> None:
        self.job.wait()


class Cluster:
    """Jobs of a cluster that shares its files with this machine.

    Submitit's own files lie in `jobs` of the directory, those of runs where they lie otherwise.

    Args:
        directory: of the comparison, which all machines see.
        kind: of the cluster.
        threads: processors of a job.
        options: submitit's, such as {slurm_partition: gpu, gpus_per_node: 1, timeout_min: 120}.

    Raises:
        ValueError: if submitit is not installed, has no such options, or finds no cluster.
    """

    def __init__(
        self, directory: Path, kind: Kind, threads: int, options: Mapping[str, Any] | None = None
    ) -> None:
        try:
            import submitit
        except ModuleNotFoundError as error:
            raise ValueError(
                f"executor={kind}: needs a package that is not here ({error}); install it with: "
                f"pip install 'telegrad[slurm]'."
            ) from error
        self.threads = threads
        asked = {"name": "telegrad", "cpus_per_task": threads, "timeout_min": MINUTES}
        try:
            self.executor = submitit.AutoExecutor(folder=directory / "jobs", cluster=kind)
            self.executor.update_parameters(**{**asked, **(options or {})})
        except (AssertionError, RuntimeError, NameError, TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise ValueError(
                f"executor={kind}, executor_options={dict(options or {})}: {said}"
            ) from error

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def has_room(self) -> bool:
        """The cluster has a queue."""
        return True

    def start(self, config: Config) -> Job:
        words_of(config)  # its directory, which the job writes into
        output_of(config).write_bytes(b"")
        return Job(config, self.executor.submit(Made(config, self.threads)))
