"""What a run starts from, how it updates, validates, computes, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from telegrad.options import check_options, option
from telegrad.records import LOGGERS
from telegrad.schedules import Update


@dataclass(frozen=True, kw_only=True)
class Init:
    """Weights that a run starts from, in place of random ones."""

    path: str | None = option(
        None,
        "weights to start from: a .safetensors, .pth or .pt file, or the directory of a run",
        path=True,
    )
    strict: bool = option(
        True, "refuse weights that don't all fit; if false, take those that do and list the others"
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.path is None and not self.strict:
            raise ValueError("init.strict=False: of which weights? Give them: --init FILE.")


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """When a run validates, on how many images, and which weights."""

    times: int | None = option(
        None,
        "how often, evenly spread over the work; else as the strategy likes it, or less often in a "
        "short time",
        least=1,
        most=10**6,
    )
    images: int | None = option(
        None, "crops to validate on; else 64, or fewer in a short time", least=1, most=10**5
    )
    sets: list[str] | None = option(
        None,
        "folders of whole images that the best model is also measured on at the end, as by "
        "telegrad evaluate",
        path=True,
    )
    sets_every: int | None = option(
        None,
        "measure them also after so many validations, which takes time: see telegrad plan",
        least=1,
        most=10**6,
    )
    ema: float | None = option(
        None,
        "decay of an exponential moving average of the weights, which is then what is validated "
        "and kept; 0 for none; else the task's, 0.999 but for the paper's",
        least=0,
        below=1,
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.sets_every is not None and not self.sets:
            raise ValueError(f"sets_every={self.sets_every}: needs sets; say --validation.sets.")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how a run computes."""

    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps, …")
    processes: int = option(
        1, "on this machine, each with a device of its own, or all on the CPU", least=1, most=10**4
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = option(
        "32-true", "of the passes; 16-mixed on GPUs only"
    )
    compile: bool = option(False, "compile the network, one shape for each level and batch size")
    cuda_graphs: bool | None = option(
        None,
        "on a GPU, record passes as CUDA graphs, one for each shape, which take less time; by "
        "default in one process, if nothing is compiled",
    )
    skip_updates: int = option(
        0,
        "updates that may be left out because loss or gradient is not finite",
        least=0,
        most=10**8,
    )
    save_every: float = option(
        300.0, "after which the run is saved at the latest", unit="seconds", least=0
    )
    num_workers: int = option(
        0,
        "processes that read training images ahead, where these lie on a slow disk",
        least=0,
        most=1000,
    )
    memory: float = option(
        4.0,
        "that the training images may take; if they take more, all go to a cache on disk",
        unit="GiB",
        least=0,
        most=2**20,
    )
    cache_dir: str | None = option(
        None,
        "where that cache lies, and stays for the next run; else in the output's directory",
        path=True,
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.compile and self.cuda_graphs:
            raise ValueError("compile=True, cuda_graphs=True: needs one of them at most.")


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a run writes, and where."""

    directory: str = option("results", "logs, models and pictures go here", path=True)
    run_id: int = option(1, "distinguishes runs of one configuration", most=2**63 - 1)
    label: str | None = option(
        None, "by which a comparison or a report lists the run; else its strategy"
    )
    overwrite: bool = option(False, "replace an earlier run of the same name")
    tracker: list[str] | None = option(
        None, "by which the run is followed while it trains: csv, tensorboard, wandb, or several"
    )

    def __post_init__(self) -> None:
        check_options(self)
        if unknown := [name for name in self.tracker or () if name not in LOGGERS]:
            raise ValueError(f"tracker={unknown[0]}: needs one or more of {', '.join(LOGGERS)}.")


SETTINGS: dict[str, type] = {
    "init": Init,
    "update": Update,
    "validation": ValidationSettings,
    "runtime": Runtime,
    "output": Output,
}
"""By the part of a run that they are."""
