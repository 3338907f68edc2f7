"""A run is a value: everything that decides its outcome, in one frozen dataclass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from multiscale.allocation import Form, geometric_batch_sizes
from multiscale.data import sources
from multiscale.data.pyramid import BadImages, Pyramid, build_pyramid
from multiscale.data.stream import CropStream, grid_of_crops, to_images
from multiscale.grids import GridHierarchy
from multiscale.networks import NETWORKS, RestorationNetwork
from multiscale.pictures import save_comparison
from multiscale.schedules import Schedule, cascadic, fullmultiscale, multiscale, single
from multiscale.tasks import TASKS, LevelRule, Task
from multiscale.training.checkpoint import load_best
from multiscale.training.evaluate import Quality, Validation
from multiscale.training.loop import Outcome, progress_bar, seed_of, train
from multiscale.training.records import Records

_NOISE_RULES = {"averaging": "white_noise", "injection": "injection"}
NETWORK = 3  # the seed's stream for initial weights and dropout; see training/loop.py

Device = torch.device | str
Mode = Literal["single", "multiscale", "fullmultiscale", "cascadic"]
Dataset = Literal["photographs", "folder"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run.

    Args:
        task: what is undone: denoising, deblurring, inpainting or superresolution.
        mode: single: the finest level only. multiscale: the telescoping gradient over all levels.
            fullmultiscale: coarse to fine, with that gradient in each stage. cascadic: coarse to
            fine, one level a stage.
        network: with the paper's configuration.
        channels: the network's hidden channels; its own default if not given (unet 32, resnet 128,
            srnet 64).
        residual: whether the network's output is added to its input.
        dataset: photographs: eight real photographs that ship with scikit-image. folder: the images
            in data_dir.
        data_dir: folder of images, with train and val in it, or split by name: every tenth image
            is kept for validation.
        bad_images: what to do with images that can't be read or are smaller than img_size.
        img_size: height and width of the crops on the finest level, in pixels.
        levels: of the grids; each has half the resolution of the next.
        batch_size: samples on the finest level; 16 by default.
        ratio: how many times more samples each coarser level gets; 2 by default.
        batch_sizes: samples on every level, coarsest first, instead of batch_size and ratio.
        form: of the multiscale gradient. nested: one pass a level. independent: the paper's, with
            disjoint samples.
        iterations: optimizer steps in all, spread over the stages as in the paper; 2000 by default
            for one stage, and 2000 on the coarsest level, halved at each finer one, for stages.
        work_units: total budget instead of iterations; one is a forward and backward pass of one
            image on the finest level.
        shares: of the work for each stage, coarsest first, such as [1, 3, 4, 2].
        restriction: how the coarse levels come about. averaging: image averaged, noise kept white.
            injection: every second pixel of both, as in the authors' code.
        t_max: largest time of corruption, t ~ U(0, t_max); noise has the standard deviation t on
            images in [−1, 1]. 0.1 by default; not for superresolution.
        sigma: of the blur in deblurring, in pixels of the finest level; 3 by default.
        level_rule: what blur or boxes are on a coarse level. pixel: of the same size in pixels.
            physical: of the same size in the scene. Default: pixel for deblurring, physical for
            inpainting.
        learning_rate: of Adam; falls to 1e-6 along one cosine.
        validations: how often to validate, evenly spread over the work.
        val_images: crops to validate on.
        seed: of crops, noise and weights, as separate streams.
        device: auto, cpu, cuda, cuda:1, mps, …
        precision: of the passes; bf16-mixed computes convolutions in bfloat16.
        run_id: distinguishes runs of one configuration.
        results_dir: logs, models and pictures go here.
        overwrite: replace an earlier run of the same name.
    """

    task: str = "denoising"
    mode: Mode = "single"
    network: Literal["unet", "resnet", "srnet"] = "unet"
    channels: int | None = None
    residual: bool = True
    dataset: Dataset = "photographs"
    data_dir: str | None = None
    bad_images: BadImages = "refuse"
    img_size: int = 64
    levels: int = 4
    batch_size: int | None = None
    ratio: int | None = None
    batch_sizes: list[int] | None = None
    form: Form = "nested"
    iterations: int | None = None
    work_units: float | None = None
    shares: list[float] | None = None
    restriction: Literal["averaging", "injection"] = "averaging"
    t_max: float | None = None
    sigma: float | None = None
    level_rule: LevelRule | None = None
    learning_rate: float = 5e-4
    validations: int = 20
    val_images: int = 64
    seed: int = 42
    device: str = "auto"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    run_id: int = 1
    results_dir: str = "results"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task={self.task}: needs one of {', '.join(TASKS)}.")
        at_least_one = (
            *("img_size", "levels", "channels", "batch_size", "ratio", "iterations", "work_units"),
            *("validations", "val_images"),
        )
        for name in at_least_one:
            value = getattr(self, name)
            if value is not None and not value >= 1:
                raise ValueError(f"{name}={value}: needs 1 or more.")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: needs 0 or more.")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate}: needs a positive number.")
        if self.iterations is not None and self.work_units is not None:
            raise ValueError("got both iterations and work_units; each says how long: give one.")
        for name in ("batch_size", "ratio"):
            if self.batch_sizes is not None and getattr(self, name) is not None:
                raise ValueError(f"got both {name} and batch_sizes; give one of them.")
        if self.shares is not None and self.work_units is None:
            raise ValueError("shares need a budget to be shared: give work_units as well.")
        if self.dataset == "folder" and self.data_dir is None:
            raise ValueError("dataset=folder needs data_dir, the folder of images.")
        if self.dataset != "folder" and self.data_dir is not None:
            raise ValueError(
                f"data_dir={self.data_dir} is not used by dataset={self.dataset}; "
                f"use dataset=folder."
            )
        self.build_task()
        self.build_schedule()

    @property
    def name(self) -> str:
        return f"{self.task}_{self.dataset}_{self.network}_{self.mode}_run{self.run_id}"

    def build_task(self) -> Task:
        """The task with its own options; those of other tasks are refused."""
        kind = TASKS[self.task]
        takes = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        options: dict[str, Any] = {
            "t_max": self.t_max,
            "sigma": None if self.sigma is None else (self.sigma, self.sigma),
            "level_rule": self.level_rule,
        }
        options = {name: value for name, value in options.items() if value is not None}
        for name in options.keys() - takes:
            raise ValueError(f"{name} is not an option of {self.task}; leave it out.")
        if "finest" in takes:
            options["finest"] = (self.img_size, self.img_size)
        images, noise = self.restriction, _NOISE_RULES[self.restriction]
        options["restriction"] = {"clean": images, "low": images, "noise": noise}
        return kind(**options)

    def build_grids(self) -> GridHierarchy:
        return GridHierarchy((self.img_size, self.img_size), self.levels)

    def build_schedule(self) -> Schedule:
        """The stages of the mode, in the length that was asked for."""
        grids = self.build_grids()
        sizes: Sequence[int] | None = self.batch_sizes
        if sizes is None:
            sizes = geometric_batch_sizes(self.levels, self.batch_size or 16, self.ratio or 2)
        match self.mode:
            case "single":
                schedule = single(grids, batch_size=sizes[-1])
            case "multiscale":
                schedule = multiscale(grids, batch_sizes=sizes, form=self.form)
            case "fullmultiscale":
                schedule = fullmultiscale(grids, batch_sizes=sizes, form=self.form)
            case "cascadic":
                schedule = cascadic(grids, batch_sizes=sizes)
        if self.iterations is not None:
            schedule = schedule.with_steps(self.iterations)
        if self.work_units is not None:
            schedule = schedule.with_work(self.work_units, self.shares)
        return schedule

    def build_network(self) -> RestorationNetwork:
        """The network with its initial weights, which depend on the seed alone."""
        torch.manual_seed(seed_of(self.seed, NETWORK))
        task = self.build_task()
        options: dict[str, Any] = {"residual": self.residual}
        if self.channels is not None:
            options["channels"] = self.channels
        if not task.timed:
            if self.network == "unet":
                raise ValueError(f"{self.task} has no times, which unet needs; use srnet.")
            if self.network == "resnet":
                options["time"] = False
        network = NETWORKS[self.network](**options)
        self._check_sizes(network, task)
        return network

    def _check_sizes(self, network: RestorationNetwork, task: Task) -> None:
        """Raises ValueError if the coarsest level in use is too small or can't be divided."""
        coarsest = self.build_grids().shape(self.build_schedule().stages[0].coarsest)
        for name, divisor in ((self.network, network.divisor), (self.task, task.divisor)):
            if any(size % divisor for size in coarsest):
                raise ValueError(
                    f"{name} needs sizes divisible by {divisor}; the coarsest of {self.levels} "
                    f"levels is {coarsest[0]}×{coarsest[1]}. Use fewer levels or a larger img_size."
                )
        if min(coarsest) < task.smallest:
            raise ValueError(
                f"{self.task} needs levels of at least {task.smallest}×{task.smallest} pixels; the "
                f"coarsest of {self.levels} is {coarsest[0]}×{coarsest[1]}. Use fewer levels or a "
                f"larger img_size."
            )

    def build_source(self) -> sources.Source:
        """Images to train on and to validate on, not yet opened."""
        if self.dataset == "folder":
            assert self.data_dir is not None
            return sources.folder(self.data_dir)
        return sources.built_in()

    def build_pyramid(self, images: Sequence[sources.NamedImage]) -> Pyramid:
        """Images to train on, on every level."""
        return build_pyramid(
            images, self.build_grids(), self.restriction, self.bad_images, progress=True
        )

    def build_validation(self, images: Sequence[sources.NamedImage], device: Device) -> Validation:
        """Crops to validate on, the same for every number of levels."""
        grids = GridHierarchy((self.img_size, self.img_size), levels=1)
        pyramid = build_pyramid(images, grids, bad_images=self.bad_images, progress=True)
        crops = grid_of_crops(pyramid, self.val_images).to(device)
        return Validation(self.build_task(), to_images(crops))

    def build_fabric(self) -> Fabric:
        """Device and precision."""
        accelerator, _, index = self.device.partition(":")
        try:
            devices: Any = [int(index)] if index else 1
            fabric = Fabric(accelerator=accelerator, devices=devices, precision=self.precision)
        except Exception as error:  # each accelerator raises a kind of its own
            raise ValueError(f"device={self.device} can't be used: {error}") from error
        fabric.launch()
        return fabric


@dataclass(frozen=True)
class Report:
    """A finished run: what it came to, and the quality of its best model on validation images."""

    outcome: Outcome
    corrupted: Quality
    restored: Quality
    records: Records


def run(recipe: Recipe) -> Report:
    """Trains what the recipe describes; writes logs, the best model and a picture.

    Raises:
        ValueError, OSError: for bad input, before training begins.
    """
    fabric = recipe.build_fabric()
    task, schedule, network = recipe.build_task(), recipe.build_schedule(), recipe.build_network()
    source = recipe.build_source()
    stream = CropStream(recipe.build_pyramid(source.train), recipe.seed)
    validation = recipe.build_validation(source.val, fabric.device)
    records = Records(
        recipe.results_dir,
        recipe.name,
        asdict(recipe),
        overwrite=recipe.overwrite,
        logs_ssim=task.logs_ssim,
    )

    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, schedule.steps, eta_min=1e-6)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, optimizer = fabric.setup(network, adam)
    print(schedule)
    with records, progress_bar(schedule) as bar:
        outcome = train(
            fabric,
            model,
            optimizer,
            cosine,
            task,
            schedule,
            stream,
            validation,
            records,
            bar,
            recipe.validations,
        )

    network.load_state_dict(load_best(records.best, fabric.device)["model_state_dict"])
    examples = validation.examples(model, number=min(4, recipe.val_images))
    save_comparison(records.picture, *examples, title=recipe.name)
    return Report(outcome, validation.corrupted(), validation.evaluate(model), records)
