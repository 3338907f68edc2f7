"""From the description of a run to its parts, ready to train."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.distributed import is_torchelastic_launched
from torch.nn.parameter import is_lazy

from telegrad.data import NamedImage, Pairs
from telegrad.data.pyramid import GIBIBYTE, Pyramid, build_pyramid
from telegrad.data.stream import CropStream, grid_of_crops
from telegrad.evaluation import image_sets
from telegrad.mge.batches import map_fields
from telegrad.mge.grids import GridHierarchy
from telegrad.networks import accept, check_network
from telegrad.networks.zoo import is_of_zoo, own_images
from telegrad.records import NoRecords, Records
from telegrad.runs.config import Config
from telegrad.runs.fabric import lightning_fabric
from telegrad.runs.magnitude import check_magnitude
from telegrad.runs.network import needs_for, network_arguments
from telegrad.runs.pairing import check_pairs
from telegrad.runs.trial import black_draw, check_draws
from telegrad.schedules import LearningRate, Problem, Schedule, Update, crop_side
from telegrad.tasks import Objective, Task
from telegrad.training.cuda_graphs import draws_masks
from telegrad.training.draws import NETWORK, seed_of
from telegrad.training.sets import SetsValidation
from telegrad.training.state import TrainingState
from telegrad.training.validation import Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SMALL = 256
"""Height and width, in pixels, of images that a network is tried on before others are read."""

BETWEEN = "a stage"
"""Where images lie that are of no level's size."""

Device = torch.device | str


def problem_of(config: Config) -> Problem:
    """What the run's strategy must know of task, network and images."""
    task = config.build_task()
    needs, s = needs_for(config.network, task), task.enlarges
    return Problem(
        size=config.build_data().crop,
        divisor=math.lcm(task.divisor, s * needs.divisor),
        smallest=max(task.smallest, s * needs.smallest),
        smallest_useful=max(task.smallest_useful, s * needs.smallest),
        pixelwise=task.pixelwise,
        enlarges=s,
        name=f"{task.name} with {config.network.short_name}",
    )


def build_schedule(config: Config) -> Schedule:
    """The stages, in the length that was asked for."""
    return config.build_strategy().schedule(problem_of(config))


def build_learning_rate(config: Config) -> LearningRate:
    """Its course over the run; for an optimizer that needs no decay, none."""
    rate = config.build_strategy().learning_rate(config.optimizer.init_args.get("lr"))
    return replace(rate, decay=0.0) if config.schedule_free else rate


def build_update(config: Config) -> Update:
    """How gradients are made; clipped as the strategy likes it, where nothing is said."""
    asked = config.update
    return (
        replace(asked, clip=config.build_strategy().default_clip) if asked.clip is None else asked
    )


def build_objective(config: Config) -> Objective:
    """The task as it is posed on the run's levels, and the loss."""
    task, schedule = config.build_task(), build_schedule(config)
    if schedule.patches:
        task = task.for_patches()
    loss = None if config.loss is None else config.loss.build()
    height, width = schedule.grids.finest
    return Objective(task.at_size((height, width)), loss)


def build_network(config: Config) -> nn.Module:
    """The network with its initial weights, which depend on the seed alone.

    Raises:
        ValueError: if its arguments are not its own, it is too large, or it can't be called as the
            task needs it.
    """
    task = config.build_task()
    more = network_arguments(config.network, task)
    if config.network.instance is None:
        check_magnitude(config.network, more)
    torch.manual_seed(seed_of(config.seed, NETWORK))
    network: nn.Module = config.network.build(**more)
    if is_of_zoo(network):
        own_images(network)
    try:
        network = accept(network, task.condition)
    except ValueError as error:
        raise ValueError(f"{task.name}: {error}") from error
    if any(map(is_lazy, network.parameters())):
        side = config.build_data().crop
        check_network(network, [("the finest level", (side, side))], task.call)
    return network


def check_sizes(config: Config, network: nn.Module) -> None:
    """The sizes of all stages, and one forward pass at those that cost next to nothing.

    Raises:
        ValueError: if images of some stage are too small, can't be divided, or come out otherwise,
            or the task can't be posed on them.
    """
    task = config.build_task()
    needs, s = needs_for(config.network, task), task.enlarges
    said = config.network.short_name if s == 1 else f"{task.name} with {config.network.short_name}"
    asked = (
        (said, s * needs.divisor, s * needs.smallest),
        (task.name, task.divisor, task.smallest),
    )
    shapes = _shapes(config)
    finest, (coarsest, _) = max(map(max, shapes)), next(iter(shapes))
    for (height, width), where in shapes.items():
        for name, divisor, smallest in asked:
            fits = size_that_fits(finest, finest // coarsest, divisor, smallest)
            way_out = f"fewer levels or a larger size, such as {fits}"
            if where == BETWEEN:
                way_out = "a size with more factors of 2"
            if height % divisor or width % divisor:
                raise ValueError(
                    f"{name} needs sizes divisible by {divisor}; {where} is {height}×{width}. Use "
                    f"{way_out}."
                )
            if min(height, width) < smallest:
                if where == BETWEEN:
                    way_out = "a larger size"
                raise ValueError(
                    f"{name} needs levels of at least {smallest}×{smallest} pixels; {where} is "
                    f"{height}×{width}. Use {way_out}."
                )
    small = [(where, shape) for shape, where in shapes.items() if max(shape) <= SMALL]
    check_network(network, small, task.call)
    check_draws(build_objective(config).task, small)


def size_that_fits(finest: int, halved: int, divisor: int, smallest: int) -> int:
    """The least size from `finest` on that does on a level where it is divided by `halved`."""
    coarsest = max(-(-finest // halved), smallest)
    return halved * (-(-coarsest // divisor) * divisor)


def check_large_sizes(config: Config, network: nn.Module) -> None:
    """One forward pass at the sizes that `check_sizes` left, once there are images so large.

    Raises:
        ValueError: if images of some stage come out otherwise.
    """
    large = [(where, shape) for shape, where in _shapes(config).items() if max(shape) > SMALL]
    check_network(network, large, config.build_task().call)


def _shapes(config: Config) -> dict[tuple[int, ...], str]:
    """(height, width) of all images that are trained on, smallest first, and where they are."""
    schedule = build_schedule(config)
    shapes: dict[tuple[int, ...], str] = {}
    for stage in schedule.stages:
        grids = schedule.stage_grids(stage)
        for level in range(grids.levels):
            where = f"level {level + stage.coarsest} of {schedule.grids.levels}"
            shapes.setdefault(grids.shape(level), where if stage.shape is None else BETWEEN)
    return dict(sorted(shapes.items()))


def check_loss(config: Config, objective: Objective, network: nn.Module) -> None:
    """The loss of two images of the coarsest size.

    Raises:
        ValueError: if it is not one loss per sample, or can't be computed.
    """
    if config.loss is None:
        return
    side = build_schedule(config).grids.shape(0)
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            objective.losses(network, black_draw(objective.task, side))
    except Exception as error:  # a loss of the user's own can fail in any way
        raise ValueError(f"{config.loss}: {error}") from error
    finally:
        network.train(was_training)


def build_optimizer(config: Config, network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """The optimizer of the network's weights; fused where it can be, unless it is told not to."""
    arguments: dict[str, Any] = {"lr": lr}
    trained = [p for p in network.parameters() if p.requires_grad]
    if not trained:
        raise ValueError(f"{config.network} has no weights to train.")
    takes = inspect.signature(config.optimizer.factory).parameters
    said = any(
        config.optimizer.init_args.get(name)
        for name in ("fused", "foreach", "capturable", "differentiable")
    )
    real = all(p.is_floating_point() for p in trained)  # no complex ones, which can't be fused
    if real and "fused" in takes and not said and config.optimizer.init_args.get("fused") is None:
        arguments["fused"] = True
    try:
        return config.optimizer.build(trained, **arguments)
    except ValueError as error:
        if config.optimizer.factory is getattr(torch.optim, "Muon", None):
            raise ValueError(
                f"{error}. --optimizer telegrad.optimizers.Muon takes weights of all shapes."
            ) from error
        raise


def pyramid_of(
    config: Config,
    images: Sequence[NamedImage],
    grids: GridHierarchy,
    task: Task,
    restriction: Any = "averaging",
) -> Pyramid:
    """The images on every level, in memory or in a cache on disk."""
    runtime, bad_images = config.runtime, config.build_data().bad_images
    check_pairs(task, images, bad_images)
    return build_pyramid(
        images,
        grids,
        restriction,
        bad_images,
        pairs=task.pairs,
        scale=task.scale,
        memory=runtime.memory * GIBIBYTE,
        cache_dir=runtime.cache_dir or Path(config.output.directory) / "cache",
        progress=True,
    )


def training_pyramid(config: Config, images: Sequence[NamedImage]) -> Pyramid:
    """Images to train on, on every level, restricted by the task's own rule."""
    task, grids = config.build_task(), build_schedule(config).grids
    return pyramid_of(config, images, grids, task, task.rules["clean"])


def build_stream(config: Config, images: Sequence[NamedImage], device: torch.device) -> CropStream:
    """The crops to train on, read ahead and copied to the device."""
    loading = {
        "num_workers": config.runtime.num_workers,
        "pin_memory": device.type == "cuda",
        "device": device,
    }
    return CropStream(training_pyramid(config, images), config.seed, loading=loading)


def build_validation(
    config: Config, objective: Objective, images: Sequence[NamedImage], device: Device
) -> Validation:
    """Crops to validate on, the same for every number of levels; of many images, some."""
    size, number = config.build_data().crop, config.crops
    grids = GridHierarchy((size, size), levels=1)
    step = max(len(images) // number, 1)
    pyramid = pyramid_of(config, images[::step], grids, objective.task)
    crops = map_fields(lambda _, crop: crop.to(device), grid_of_crops(pyramid, number))
    return Validation(objective, objective.task.images(crops))


def pairs_of(config: Config, task: Task) -> Pairs | None:
    """How the files of the run's data make pairs; None for a task that needs none."""
    data = config.build_data()
    return data if task.needs_pairs and isinstance(data, Pairs) else None


def build_sets(config: Config, objective: Objective) -> SetsValidation | None:
    """Sets of whole images to validate on; None if there are none.

    Raises:
        ValueError, OSError: for folders or images that can't be used.
    """
    asked = config.validation
    if not asked.sets:
        return None
    task = objective.task
    sets = image_sets(asked.sets, task, pairs_of(config, task))
    schedule = build_schedule(config)
    crop = crop_side(schedule, schedule.stages[-1])
    return SetsValidation(tuple(sets), task, crop, asked.sets_every)


def build_records(
    config: Config, state: TrainingState, resumed: bool, inputs: dict[str, Any]
) -> Records:
    """What the run writes; after the state's progress, if it is resumed."""
    strategy, done = config.build_strategy(), state.progress.iteration
    return Records(
        config.directory,
        config.to_dict(),
        inputs=inputs,
        overwrite=config.output.overwrite,
        logs_ssim=config.build_task().logs_ssim,
        logs_sets=bool(config.validation.sets),
        logs_levels=strategy.adaptation(build_schedule(config)) is not None,
        trackers=config.output.tracker or (),
        keep=done if resumed else None,
        ends=done >= state.schedule.steps,
    )


def no_records(config: Config) -> Records:
    """For all processes but the first."""
    return NoRecords(config.directory)


def build_fabric(config: Config) -> Fabric:
    """Device and precision.

    Raises:
        ValueError: for a device that can't be used, or batches that can't be shared.
    """
    runtime = config.runtime
    accelerator, colon, index = runtime.device.partition(":")
    if colon and not index.isdecimal():
        raise ValueError(f"device={runtime.device}: needs a number after the colon, as cuda:1.")
    if runtime.precision == "16-mixed" and not torch.cuda.is_available():
        raise ValueError("precision=16-mixed needs a GPU; use bf16-mixed or 32-true.")
    nodes, processes = 1, runtime.processes
    if is_torchelastic_launched():
        processes = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // processes
    several = nodes * processes > 1
    if index and several:
        raise ValueError(f"device={runtime.device} is one; processes={processes} need as many.")
    schedule = build_schedule(config)
    if several and config.build_strategy().adaptation(schedule) is not None:
        raise ValueError(
            f"adapt works in one process, and there are {nodes * processes}; leave it out, or use "
            f"processes=1."
        )
    _check_divisible(schedule, nodes * processes)
    library = lightning_fabric()
    try:
        fabric: Fabric = library.Fabric(
            accelerator=accelerator,
            devices=[int(index)] if index else processes,
            num_nodes=nodes,
            strategy=library.strategies.DDPStrategy(broadcast_buffers=False) if several else "auto",
            precision=runtime.precision,
        )
    except Exception as error:  # each accelerator raises a kind of its own
        raise ValueError(f"device={runtime.device} can't be used: {error}") from error
    fabric.launch()
    return fabric


def records_graphs(config: Config, fabric: Fabric, network: nn.Module) -> bool:
    """Whether passes are recorded as CUDA graphs.

    Raises:
        ValueError: if that is asked for where it can't be.
    """
    asked, several = config.runtime.cuda_graphs, fabric.world_size > 1
    possible = fabric.device.type == "cuda" and not several
    if asked and not possible:
        got = f"{fabric.world_size} processes" if several else f"device {fabric.device}"
        raise ValueError(f"cuda_graphs=True: needs one process on a CUDA GPU, and got {got}.")
    if asked and draws_masks(network):
        raise ValueError(
            f"cuda_graphs=True: {config.network.short_name} has coupled dropout, whose masks are "
            f"drawn on the CPU; leave cuda_graphs out, or set the network's dropout to 0."
        )
    return possible if asked is None else asked


def _check_divisible(schedule: Schedule, processes: int) -> None:
    for number, stage in enumerate(schedule.stages):
        if any(n % processes for n in stage.batch_sizes):
            raise ValueError(
                f"batch sizes {list(stage.batch_sizes)} of stage {number} can't be divided among "
                f"{processes} processes; use multiples of {processes} on every level."
            )
