"""How restored images are measured; where nothing is said, as the field measures them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from telegrad import __version__
from telegrad.evaluation.channels import Channel
from telegrad.evaluation.metrics import METRICS, Metric, metrics_of
from telegrad.options import check_options, option
from telegrad.tasks import Task
from telegrad.tasks.restoration import ends

EVALUATION_SEED = 20260101
"""Of the noise, where nothing is said."""

STRENGTHS: dict[str, tuple[float, ...]] = {"sigma": (15, 25, 50), "quality": (10, 20, 30, 40)}
"""Options of tasks that are the strength of a corruption, and what papers report."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How whole images are corrupted, restored and measured.

    `of_task` puts the field's defaults in place of what is not said: RGB and whole images; for
    super-resolution Y and a border of as many pixels as the scale; noise of one level for a model
    of one, else of 15, 25 and 50.
    """

    metrics: list[str] | None = option(
        None, f"some of {', '.join(METRICS)}; else psnr and ssim, and mse for the paper's tasks"
    )
    channel: Channel | None = option(
        None, "rgb, or y: Y of BT.601 from 16 to 235; else y for super-resolution and rgb"
    )
    crop_border: int | None = option(
        None,
        "left out at each edge; else the scale for super-resolution and 0",
        unit="pixels",
        least=0,
        most=2**16,
    )
    sigma: list[float] | None = option(
        None,
        "noise levels on 0 … 255: 15 25 50; else the model's own, or those of the three that it "
        "was trained on",
        least=0,
        most=255,
    )
    quality: list[float] | None = option(None, "likewise for JPEG: 10 20 30 40", least=1, most=100)
    self_ensemble: bool = option(
        False, "the mean of what becomes of eight flips and rotations of an image"
    )
    rounding: bool = option(True, "restored images are rounded to 8 bits, as files have them")
    tile: int | None = option(
        None,
        "largest height and width that the network sees at once; else the model's own",
        unit="pixels",
        least=16,
        most=2**20,
    )
    seed: int = option(EVALUATION_SEED, "of the noise", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        check_options(self)
        if self.metrics is not None:
            metrics_of(self.metrics)

    def of_task(self, task: Task) -> Protocol:
        """The same with nothing left open.

        Raises:
            ValueError: for a strength of a corruption that the task has not.
        """
        small = task.enlarges > 1
        own: dict[str, Any] = {
            "metrics": ["psnr", "ssim"] if task.value_range == (0, 1) else ["mse", "psnr", "ssim"],
            "channel": "y" if small and task.channels == 3 else "rgb",
            "crop_border": task.enlarges if small else 0,
        }
        for name, reported in STRENGTHS.items():
            if name == task.strength:
                low, high = ends(name, getattr(task, name), least=0, most=255)
                inside = [float(value) for value in reported if low <= value <= high]
                own[name] = [low] if low == high else inside or [high]
            elif getattr(self, name) is not None:
                raise ValueError(f"--{name}: {task.name} has no such strength; leave it out.")
        if self.channel == "y" and task.channels == 1:
            raise ValueError(
                f"--channel y: {task.name} is of grey images, which have no colors to convert; "
                f"leave it out, or use rgb for their one channel."
            )
        return replace(self, **{k: v for k, v in own.items() if getattr(self, k) is None})

    def variants(self, task: Task) -> list[tuple[str, Task]]:
        """The task at each strength of its corruption, with words for it; nothing if it has none.

        Raises:
            ValueError: for a strength that can't be.
        """
        task = task.measured
        for name in STRENGTHS:
            values = getattr(self, name)
            if values is not None:
                changes: list[dict[str, Any]] = [{name: value} for value in values]
                at = [replace(task, **change) for change in changes]
                return [(f"{name} {v:g}", task) for v, task in zip(values, at, strict=True)]
        return [("", task)]

    @property
    def chosen(self) -> list[Metric]:
        """The metrics themselves."""
        return metrics_of(self.metrics or [])

    def said(self, task: Task) -> list[str]:
        """Exactly how images are measured, in lines; of a protocol with nothing left open."""

        grey = task.channels == 1
        trimmed = f", trimmed to multiples of {task.divisor} pixels" if task.divisor > 1 else ""
        colors = "images in color are turned into luma of 8 bits" if grey else (
            "grey images have three equal channels"
        )  # fmt: skip
        corrupted = "rounded to 8 bits" if task.stored else "neither clipped nor rounded"
        if self.channel == "y":
            channel = "Y of BT.601 (16 … 235; files with one channel: as they are)"
        else:
            channel = "grey" if grey else "RGB"
        restored = "clipped and rounded to 8 bits" if self.rounding else "clipped, not rounded"
        ensemble = ", mean of 8 flips and rotations" if self.self_ensemble else ""
        tile = f", in tiles of at most {self.tile} pixels" if self.tile else ""
        return [
            f"images: whole, every one{trimmed}; {colors}",
            f"corrupted: {corrupted}; seed {self.seed} and each image's name, so the same for "
            f"every model",
            f"restored: {restored}{ensemble}{tile}",
            f"measured: {channel}, without {self.crop_border} pixels at each edge; the mean over "
            f"images",
            *(f"{metric.name}: {metric.said}" for metric in self.chosen),
            f"versions: telegrad {__version__}, "
            + ", ".join(f"{name} {version(name)}" for name in ("torchmetrics", "scikit-image")),
        ]
