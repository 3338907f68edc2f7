"""What lies where: the files of one run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, whether they exist or not.

    >>> files = RunDirectory("results", "denoising_run1")
    >>> files.best.as_posix(), files.config.as_posix()
    ('results/models/denoising_run1_best.pt', 'results/runs/denoising_run1/config.yaml')
    >>> RunDirectory.at(files.path).name
    'denoising_run1'

    Attributes:
        results: directory of all runs' results.
        name: of the run.
    """

    results: str | Path
    name: str

    @classmethod
    def at(cls, path: str | Path) -> RunDirectory:
        """The run whose directory is `path`, which is …/runs/NAME.

        Raises:
            ValueError: if it is not of that form.
        """
        directory = Path(path)
        if directory.parent.name != "runs" or directory.name == "..":
            directory = directory.resolve()
        if directory.parent.name != "runs":
            raise ValueError(
                f"{path} is not the directory of a run; needs one that a run left, such as "
                f"results/runs/NAME."
            )
        return cls(directory.parent.parent, directory.name)

    @property
    def train_log(self) -> Path:
        """Every step: iteration, training loss, seconds."""
        return Path(self.results, "logs", f"{self.name}_train.csv")

    @property
    def valid_log(self) -> Path:
        """Every validation: iteration, validation loss, and SSIM for some tasks."""
        return Path(self.results, "logs", f"{self.name}_valid.csv")

    @property
    def best(self) -> Path:
        """The best model by validation loss."""
        return Path(self.results, "models", f"{self.name}_best.pt")

    @property
    def weights(self) -> Path:
        """Its weights alone, for other programs."""
        return self.best.with_suffix(".safetensors")

    @property
    def path(self) -> Path:
        """The run's own directory, which holds all that follows."""
        return Path(self.results, "runs", self.name)

    @property
    def config(self) -> Path:
        """All that describes the run."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Hardware and versions."""
        return self.path / "environment.json"

    @property
    def inputs(self) -> Path:
        """Names and digests of what it was made of."""
        return self.path / "inputs.json"

    @property
    def progress(self) -> Path:
        """Every validation in full."""
        return self.path / "progress.csv"

    @property
    def sets(self) -> Path:
        """Means of sets of whole images, each time they were measured."""
        return self.path / "sets.csv"

    @property
    def levels(self) -> Path:
        """Statistics of the gradients on all levels, each time they were measured."""
        return self.path / "levels.csv"

    @property
    def events(self) -> Path:
        """What was out of the ordinary, with the time of day."""
        return self.path / "events.log"

    @property
    def report(self) -> Path:
        """The figures of a finished run."""
        return self.path / "report.json"

    @property
    def picture(self) -> Path:
        """Corrupted, restored and clean images."""
        return self.path / "picture.png"

    @property
    def trackers(self) -> Path:
        """What trackers write, in a folder for each."""
        return self.path / "trackers"

    @property
    def last(self) -> Path:
        """The state from which a stopped run goes on."""
        return self.path / "last.pt"

    @property
    def previous(self) -> Path:
        """The state before that one, should it be damaged."""
        return self.path / "previous.pt"


def best_of(directory: Path) -> Path:
    """The best model of the run in a directory.

    Raises:
        ValueError: if it is not the directory of a run that has one.
    """
    best = RunDirectory.at(directory).best
    if not best.is_file():
        raise ValueError(f"the run has no model yet: {best} is missing")
    return best


def run_directories(root: str | Path) -> list[RunDirectory]:
    """All runs below `root`, at any depth, in the order of their paths."""
    return [RunDirectory.at(file.parent) for file in sorted(Path(root).rglob("runs/*/config.yaml"))]
