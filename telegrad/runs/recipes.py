"""A run is a value: everything that decides its outcome, in one frozen dataclass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import nn
from torch.distributed import is_torchelastic_launched

from telegrad.data import sources
from telegrad.data.downloads import cifar10, stl10
from telegrad.data.levels import ImageRestriction
from telegrad.data.pyramid import GIBIBYTE, BadImages, Pyramid, build_pyramid
from telegrad.data.stream import grid_of_crops, to_images
from telegrad.data.urban100 import urban100
from telegrad.mge.allocation import (
    Form,
    check_batch_sizes,
    geometric_batch_sizes,
)
from telegrad.mge.batches import map_fields
from telegrad.mge.grids import GridHierarchy
from telegrad.networks import NETWORKS, RestorationNetwork, divisor_of
from telegrad.records.records import NoRecords, Records
from telegrad.runs.options import MOST, check_ranges, check_types, in_units
from telegrad.schedules.schedule import (
    Schedule,
    Stage,
    auto,
    cascadic,
    fullmultiscale,
    growing_patches,
    multiscale,
    progressive_resizing,
    random_patches,
    single,
)
from telegrad.tasks import TASKS, LevelRule, Task
from telegrad.training.draws import NETWORK, seed_of
from telegrad.training.state import LearningRate, Progress
from telegrad.training.validation import Validation

MOST_WEIGHTS = 2**30
"""Of a network: 4 GiB, and three times as much again for gradients and Adam."""

_NOISE_RULES = {"averaging": "white_noise", "injection": "injection"}
Device = torch.device | str
Mode = Literal[
    "single",
    "multiscale",
    "fullmultiscale",
    "cascadic",
    "auto",
    "progressive_resizing",
    "growing_patches",
    "random_patches",
]
Dataset = Literal["photographs", "folder", "cifar10", "stl10", "celeba", "urban100"]

IMG_SIZES = {"cifar10": 32, "stl10": 96, "celeba": 128}
"""Crops on the finest level where nothing is said: as large as the images allow, at most 128."""

PATCH_OPTIONS = ("patch_size", "train_patches", "test_patches")
"""Options of urban100 alone."""


def default_data_dir() -> str:
    """Where datasets lie if nothing is said: the environment's TELEGRAD_DATA, or `data`."""
    return os.environ.get("TELEGRAD_DATA") or "data"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run.

    Args:
        task: what is undone: denoising, deblurring, inpainting or superresolution.
        mode: single: the finest level only. multiscale: the telescoping gradient over all levels.
            fullmultiscale: coarse to fine, with that gradient in each stage. cascadic: coarse to
            fine, one level a stage. auto: as cascadic, with stages, batch sizes and learning rate
            that measured best, and stages that end early when they no longer pay; needs a budget.
            progressive_resizing: from half the size to all of it, with sizes between the levels.
            growing_patches: as cascadic, but of small patches of the images instead of small
            images. random_patches: patches of a size drawn anew for each step.
        network: with the paper's configuration; or own, one given to `run` from Python.
        channels: the network's hidden channels; its own default if not given (unet 32, resnet 128,
            srnet 64).
        residual: whether the network's output is added to its input.
        dropout: of the unet; 0.5 by default, as in the paper. 0 and 0.1 measure better.
        dataset: photographs: eight real photographs that ship with scikit-image. folder: the images
            in data_dir. cifar10, stl10: downloaded on first use. celeba, urban100: as they lie in
            data_dir.
        data_dir: for folder: the folder of images, with train and val in it, or split by name:
            every tenth image is kept for validation. For the other datasets: the directory that
            holds cifar-10-batches-py, stl10_binary, CelebA or Urban100; if not given, the
            environment's TELEGRAD_DATA, or else data.
        patch_size: of urban100's patches, in pixels of the low resolution; 64 by default.
        train_patches: of each image of urban100; 10 by default.
        test_patches: of each image of urban100, to validate on; 2 by default.
        bad_images: what to do with images that can't be read or are smaller than img_size.
        memory: GiB that the training images may take, with all levels 4/3 of their pixels' bytes.
            If they take more, all go to a cache on disk.
        cache_dir: where that lies, and stays for the next run; a fast disk with room for all
            images. By default the folder cache in results_dir.
        img_size: height and width of the crops on the finest level, in pixels; by default 64, or
            32 for cifar10, 96 for stl10, 128 for celeba, twice patch_size for urban100.
        levels: of the grids; each has half the resolution of the next. By default 4, or as many
            as img_size allows.
        batch_size: samples on the finest level; 16 by default, 1 for auto.
        ratio: how many times more samples each coarser level gets; 2 by default, 4 for
            random_patches, whose steps then all cost the same.
        batch_sizes: samples on every level, coarsest first, instead of batch_size and ratio.
        form: of the multiscale gradient. nested: one pass a level. independent: the paper's, with
            disjoint samples.
        iterations: optimizer steps in all, spread over the stages as in the paper; 2000 by default
            for one stage, and 2000 on the coarsest level, halved at each finer one, for stages.
        work_units: total budget instead of iterations; one is a forward and backward pass of one
            image on the finest level.
        budget: in work units or in time: 5000wu, 90s, 10min, 2h. Time is that of steps and
            validations together, by timing a few of each before the run.
        shares: of the budget for each stage, coarsest first, such as [1, 3, 4, 2]; 0 leaves one
            out.
        patches: part of the images of coarse levels, such as 0.5, that are patches of the finest
            level's instead of whole scenes in less detail; for cascadic and auto. Half by default
            for auto without adapt in denoising, whose noise spoils each pixel by itself; else none.
        adapt: part of the work, such as 0.05, for probes of the gradients, after which levels,
            batch sizes and coefficients of the telescoping sum are chosen anew; the work of a step
            stays. By default all stay as they are.
        restriction: how the coarse levels come about. averaging: image averaged, noise kept white.
            injection: every second pixel of both, as in the authors' code.
        t_max: largest time of corruption, t ~ U(0, t_max); noise has the standard deviation t on
            images in [−1, 1]. 0.1 by default; not for superresolution.
        sigma: of the blur in deblurring, in pixels of the finest level; 3 by default.
        level_rule: what blur or boxes are on a coarse level. pixel: of the same size in pixels.
            physical: of the same size in the scene. Default: pixel for deblurring and for patches,
            physical for inpainting.
        learning_rate: of Adam; 5e-4 by default, 1e-3 for auto. It falls to 1e-6.
        decay: the last part of the work, such as 0.3, over which the learning rate falls linearly;
            before it is constant. By default 0.3 for auto, else one cosine over all steps.
        validations: how often to validate, evenly spread over the work; 20 by default, 40 for
            auto, which decides by them.
        val_images: crops to validate on.
        seed: of crops, noise and weights, as separate streams.
        device: auto, cpu, cuda, cuda:1, mps, …
        processes: on this machine, each with a device of its own, or all on the CPU. Batch sizes
            are those of all together. Under torchrun it is torchrun that says how many.
        precision: of the passes; bf16-mixed computes convolutions in bfloat16, 16-mixed in float16
            with scaled losses, on GPUs only.
        ema: decay of an exponential moving average of the weights, such as 0.999, which is then
            what is validated and kept.
        compile: compile the network (torch.compile), one shape for each level and batch size.
        skip_updates: how many updates may be left out because loss or gradient is not finite; with
            0 the run stops at the first.
        run_id: distinguishes runs of one configuration.
        label: by which a comparison or a report lists this configuration; by default its mode.
        results_dir: logs, models and pictures go here.
        overwrite: replace an earlier run of the same name.
        resume: go on with a run of the same name that was stopped, from where it was last saved.
        save_every: seconds after which the run is saved at the latest; it is after validations.
    """

    task: str = "denoising"
    mode: Mode = "single"
    network: Literal["unet", "resnet", "srnet", "own"] = "unet"
    channels: int | None = None
    residual: bool = True
    dropout: float | None = None
    dataset: Dataset = "photographs"
    data_dir: str | None = None
    patch_size: int | None = None
    train_patches: int | None = None
    test_patches: int | None = None
    bad_images: BadImages = "refuse"
    memory: float = 4.0
    cache_dir: str | None = None
    img_size: int | None = None
    levels: int | None = None
    batch_size: int | None = None
    ratio: int | None = None
    batch_sizes: list[int] | None = None
    form: Form = "nested"
    iterations: int | None = None
    work_units: float | None = None
    budget: str | None = None
    shares: list[float] | None = None
    patches: float | None = None
    adapt: float | None = None
    restriction: Literal["averaging", "injection"] = "averaging"
    t_max: float | None = None
    sigma: float | None = None
    level_rule: LevelRule | None = None
    learning_rate: float | None = None
    decay: float | None = None
    validations: int | None = None
    val_images: int = 64
    seed: int = 42
    device: str = "auto"
    processes: int = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    ema: float | None = None
    compile: bool = False
    skip_updates: int = 0
    run_id: int = 1
    label: str | None = None
    results_dir: str = "results"
    overwrite: bool = False
    resume: bool = False
    save_every: float = 300.0

    def __post_init__(self) -> None:
        check_types(self)
        check_ranges(self)
        if self.task not in TASKS:
            raise ValueError(f"task={self.task}: needs one of {', '.join(TASKS)}.")
        self._check_patches()
        one_level = ("single", "progressive_resizing")
        if self.adapt is not None and (self.mode in one_level or self.patch_share):
            raise ValueError(
                f"adapt chooses levels of a telescoping sum; mode={self.mode} has none"
                f"{' with patches' if self.patches else ''}. Leave it out."
            )
        lengths = [
            n for n in ("iterations", "work_units", "budget") if getattr(self, n) is not None
        ]
        if len(lengths) > 1:
            raise ValueError(f"got both {' and '.join(lengths)}; each says how long: give one.")
        if self.budget is not None:
            in_units(self.budget)
        if self.mode == "auto" and self.budget is None is self.work_units:
            raise ValueError("mode=auto needs a budget, such as budget=5000wu or budget=10min.")
        for name in ("batch_size", "ratio"):
            if self.batch_sizes is not None and getattr(self, name) is not None:
                raise ValueError(f"got both {name} and batch_sizes; give one of them.")
        if self.shares is not None and self.work_units is self.budget is None:
            raise ValueError(
                "shares need something to be shared: give budget or work_units as well."
            )
        self._check_data_options()
        by_size = self.levels is self.batch_sizes is None
        if self.mode != "single" and by_size and self._possible_levels() == 1:
            raise ValueError(
                f"mode={self.mode}: {self.size}×{self.size} leaves no coarser level for "
                f"{self.task} with {self.network}; use a size divisible by 8 such as 64, or "
                f"mode=single."
            )
        self.build_task()
        self.build_schedule()

    def _check_patches(self) -> None:
        if self.patches and self.mode not in ("cascadic", "auto"):
            raise ValueError(
                f"patches is an option of cascadic and auto, not of mode={self.mode}; leave it out."
            )
        if self.patch_share and self.level_rule == "physical":
            raise ValueError(
                f"mode={self.mode}: patches have the finest level's pixels, and level_rule=physical"
                f" is for restricted images; use level_rule=pixel, or leave it out."
            )

    def _check_data_options(self) -> None:
        if self.dataset == "folder" and self.data_dir is None:
            raise ValueError("dataset=folder needs data_dir, the folder of images.")
        if self.dataset == "photographs" and self.data_dir is not None:
            raise ValueError(
                f"data_dir={self.data_dir} is not used by dataset=photographs; use dataset=folder."
            )
        for name in PATCH_OPTIONS:
            if self.dataset != "urban100" and getattr(self, name) is not None:
                raise ValueError(f"{name} is an option of dataset=urban100 only; leave it out.")

    @property
    def size(self) -> int:
        """Height and width of the crops on the finest level."""
        if self.img_size is not None:
            return self.img_size
        if self.dataset == "urban100":
            return 2 * (self.patch_size or 64)
        return IMG_SIZES.get(self.dataset, 64)

    @property
    def patch_share(self) -> float:
        """Part of the coarse levels' images that are patches of the finest level's."""
        if self.mode in ("growing_patches", "random_patches"):
            return 1.0
        if self.patches is not None:
            return self.patches
        of_auto = self.mode == "auto" and self.adapt is None
        return 0.5 if of_auto and TASKS[self.task].pixelwise else 0.0

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
        if self.patch_share and "level_rule" in takes:
            options["level_rule"] = "pixel"
        options = {name: value for name, value in options.items() if value is not None}
        for name in options.keys() - takes:
            raise ValueError(f"{name} is not an option of {self.task}; leave it out.")
        if "finest" in takes:
            options["finest"] = (self.size, self.size)
        images, noise = self.restriction, _NOISE_RULES[self.restriction]
        options["restriction"] = {"clean": images, "low": images, "noise": noise}
        return kind(**options)

    def build_grids(self) -> GridHierarchy:
        return GridHierarchy((self.size, self.size), self.levels or self._possible_levels())

    def _possible_levels(self) -> int:
        """As many as `batch_sizes` has; or at most 4, for auto 6, that suit size, network, task."""
        if self.batch_sizes is not None:
            return max(len(self.batch_sizes), 1)
        task, divisor = self.build_task(), getattr(NETWORKS.get(self.network), "divisor", 1)
        auto = self.mode == "auto"
        for levels in range(6 if auto else 4, 1, -1):
            coarsest, rest = divmod(self.size, 2 ** (levels - 1))
            fits = coarsest % divisor == 0 == coarsest % task.divisor
            least = task.smallest_useful if auto and levels > 2 else task.smallest
            if not rest and fits and coarsest >= least:
                return levels
        return 1

    def build_schedule(self) -> Schedule:
        """The stages of the mode, in the length that was asked for."""
        grids = self.build_grids()
        sizes: Sequence[int] | None = self.batch_sizes
        if sizes is None:
            finest = 1 if self.mode == "auto" else 16
            ratio = 4 if self.mode == "random_patches" else 2
            sizes = geometric_batch_sizes(
                grids.levels, self.batch_size or finest, self.ratio or ratio
            )
        check_batch_sizes(sizes, grids.levels, "independent")
        if max(sizes) > MOST["batch_size"]:
            raise ValueError(
                f"batch_sizes={list(sizes)}: needs at most {MOST['batch_size']:,} on a level; "
                f"lower batch_size, ratio or levels."
            )
        match self.mode:
            case "single":
                schedule = single(grids, batch_size=sizes[-1])
            case "multiscale":
                schedule = multiscale(grids, batch_sizes=sizes, form=self.form)
            case "fullmultiscale":
                schedule = fullmultiscale(grids, batch_sizes=sizes, form=self.form)
            case "cascadic":
                schedule = cascadic(grids, batch_sizes=sizes)
            case "auto":
                schedule = auto(grids, batch_sizes=sizes)
            case "progressive_resizing":
                schedule = progressive_resizing(grids, batch_size=sizes[-1])
            case "growing_patches":
                schedule = growing_patches(grids, batch_sizes=sizes)
            case "random_patches":
                schedule = random_patches(grids, batch_sizes=sizes)
        schedule = replace(schedule, patches=self.patch_share)
        if self.shares is not None:
            schedule = schedule.without_empty(self.shares)
        if self.iterations is not None:
            schedule = schedule.with_steps(self.iterations)
        work_units, _ = self.limits
        if work_units is not None:
            schedule = schedule.with_work(work_units, self.stage_shares)
        if schedule.steps > MOST["iterations"]:
            raise ValueError(
                f"{work_units:g} work units work out at {schedule.steps:,} steps; needs at "
                f"most {MOST['iterations']:,}. Ask for less work."
            )
        return schedule

    @property
    def stage_shares(self) -> list[float] | None:
        """Of the budget, for each stage that there is."""
        return None if self.shares is None else [share for share in self.shares if share]

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Work units and seconds that the run may take, None where it is not limited by them."""
        if self.budget is None:
            return self.work_units, None
        number, unit = in_units(self.budget)
        return (number, None) if unit == "wu" else (None, number)

    @property
    def number_of_validations(self) -> int:
        return self.validations or (40 if self.mode == "auto" else 20)

    def build_learning_rate(self) -> LearningRate:
        """Its course over the run."""
        auto = self.mode == "auto"
        highest = self.learning_rate or (1e-3 if auto else 5e-4)
        return LearningRate(highest, decay=self.decay or (0.3 if auto else None))

    def lengthened(self, stages: Sequence[Stage], probes: float = 0.0) -> Schedule:
        """The schedule of a run that had these stages, with as much work as is asked for.

        What is added goes to the last stage.

        Args:
            stages: until now; they may have changed while the run trained.
            probes: work units that were spent on measuring.

        Raises:
            ValueError: if less is asked for than the run had.
        """
        asked = self.build_schedule()
        before = replace(asked, stages=tuple(stages))
        work = asked.work_units - before.work_units - probes
        last = before.step_cost(before.stages[-1])
        rounding = sum(before.step_cost(stage) for stage in before.stages)
        if self.iterations is not None and self.adapt is None:
            added = asked.steps - before.steps
        elif self.limits[1] is not None or (
            before.lengths != asked.lengths and abs(work) <= rounding
        ):
            added = 0
        else:
            added = round(work / last)
        if added < 0:
            raise ValueError(
                f"resume: {self.name} has {before.steps:,} steps, {before.work_units:,g} work "
                f"units; {asked.steps:,} steps, {asked.work_units:,g} work units are asked for. "
                f"Ask for as many or more."
            )
        return before.of_lengths([*before.lengths[:-1], before.lengths[-1] + added])

    def build_network(self) -> RestorationNetwork:
        """The network with its initial weights, which depend on the seed alone."""
        task = self.build_task()
        if self.network == "own":
            raise ValueError("network=own is given to `run` from Python: run(recipe, network).")
        options: dict[str, Any] = {"residual": self.residual}
        if self.dropout is not None:
            if self.network != "unet":
                raise ValueError(f"dropout is not an option of {self.network}; leave it out.")
            options["dropout"] = self.dropout
        if self.channels is not None:
            options["channels"] = self.channels
        if not task.timed:
            if self.network == "unet":
                raise ValueError(f"{self.task} has no times, which unet needs; use srnet.")
            if self.network == "resnet":
                options["time"] = False
        kind = NETWORKS[self.network]
        with torch.device("meta"):  # counted before any memory is taken
            weights = sum(parameter.numel() for parameter in kind(**options).parameters())
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"channels={self.channels}: {self.network} would have {weights:.2g} weights; needs "
                f"at most {MOST_WEIGHTS:,}, so fewer channels."
            )
        torch.manual_seed(seed_of(self.seed, NETWORK))
        network = kind(**options)
        self.check_sizes(network)
        return network

    def check_sizes(self, network: nn.Module) -> None:
        """Raises ValueError if images of some stage are too small or can't be divided."""
        task, schedule = self.build_task(), self.build_schedule()
        levels = schedule.grids.levels
        for stage in schedule.stages:
            height, width = schedule.stage_grids(stage).shape(0)
            what, way_out = f"the coarsest of {levels} levels", "fewer levels or a larger img_size"
            if stage.shape is not None:  # between levels, in eighths of the finest
                what, way_out = "a stage", "an img_size with more factors of 2"
            for name, divisor in ((self.network, divisor_of(network)), (self.task, task.divisor)):
                if height % divisor or width % divisor:
                    raise ValueError(
                        f"{name} needs sizes divisible by {divisor}; {what} is {height}×{width}. "
                        f"Use {way_out}."
                    )
            if min(height, width) < task.smallest:
                raise ValueError(
                    f"{self.task} needs levels of at least {task.smallest}×{task.smallest} pixels; "
                    f"{what} is {height}×{width}. Use {way_out}."
                )

    def build_source(self) -> sources.Source:
        """Images to train on and to validate on, not yet opened where they lie in files."""
        data_dir = self.data_dir or default_data_dir()
        match self.dataset:
            case "photographs":
                return sources.built_in()
            case "folder":
                return sources.folder(data_dir)
            case "cifar10":
                return cifar10(data_dir)
            case "stl10":
                return stl10(data_dir)
            case "celeba":
                return sources.celeba(data_dir)
            case "urban100":
                patches = (self.patch_size or 64, self.train_patches or 10, self.test_patches or 2)
                return urban100(data_dir, *patches)

    def build_pyramid(self, images: Sequence[sources.NamedImage]) -> Pyramid:
        """Images to train on, on every level."""
        return self._build_pyramid(images, self.build_grids(), self.restriction)

    def _build_pyramid(
        self,
        images: Sequence[sources.NamedImage],
        grids: GridHierarchy,
        restriction: ImageRestriction = "averaging",
    ) -> Pyramid:
        return build_pyramid(
            images,
            grids,
            restriction,
            self.bad_images,
            pairs=self.build_task().pairs,
            memory=self.memory * GIBIBYTE,
            cache_dir=self.cache_dir or Path(self.results_dir) / "cache",
            progress=True,
        )

    def build_validation(self, images: Sequence[sources.NamedImage], device: Device) -> Validation:
        """Crops to validate on, the same for every number of levels; of many images, some."""
        grids, task = GridHierarchy((self.size, self.size), levels=1), self.build_task()
        step = max(len(images) // self.val_images, 1)
        pyramid = self._build_pyramid(images[::step], grids)
        crops = map_fields(lambda _, c: c.to(device), grid_of_crops(pyramid, self.val_images))
        return Validation(task, to_images(crops))

    def build_records(self, progress: Progress) -> Records:
        """What the run writes; after `progress`, if it is resumed."""
        return Records(
            self.results_dir,
            self.name,
            {name: value for name, value in asdict(self).items() if name != "resume"},
            overwrite=self.overwrite,
            logs_ssim=self.build_task().logs_ssim,
            keep=progress.iteration if self.resume else None,
        )

    def no_records(self) -> Records:
        """For all processes but the first."""
        return NoRecords(self.results_dir, self.name)

    def build_fabric(self) -> Fabric:
        """Device and precision."""
        accelerator, colon, index = self.device.partition(":")
        if colon and not index.isdecimal():
            raise ValueError(f"device={self.device}: needs a number after the colon, as cuda:1.")
        if self.precision == "16-mixed" and not torch.cuda.is_available():
            raise ValueError("precision=16-mixed needs a GPU; use bf16-mixed or 32-true.")
        nodes, processes = 1, self.processes
        if is_torchelastic_launched():
            processes = int(os.environ["LOCAL_WORLD_SIZE"])
            nodes = int(os.environ["WORLD_SIZE"]) // processes
        several = nodes * processes > 1
        if index and several:
            raise ValueError(f"device={self.device} is one; processes={processes} need as many.")
        if self.adapt is not None and several:
            raise ValueError(
                f"adapt works in one process, and there are {nodes * processes}; leave it out, or "
                f"use processes=1."
            )
        self._check_divisible(nodes * processes)
        try:
            fabric = Fabric(
                accelerator=accelerator,
                devices=[int(index)] if index else processes,
                num_nodes=nodes,
                strategy=DDPStrategy(broadcast_buffers=False) if several else "auto",
                precision=self.precision,
            )
        except Exception as error:  # each accelerator raises a kind of its own
            raise ValueError(f"device={self.device} can't be used: {error}") from error
        fabric.launch()
        return fabric

    def _check_divisible(self, processes: int) -> None:
        for number, stage in enumerate(self.build_schedule().stages):
            if any(n % processes for n in stage.batch_sizes):
                raise ValueError(
                    f"batch sizes {list(stage.batch_sizes)} of stage {number} can't be divided "
                    f"among {processes} processes; use multiples of {processes} on every level."
                )
