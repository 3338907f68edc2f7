"""What is said to arguments that are empty, not finite, or of a wrong shape, type or device."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import telegrad
from telegrad import (
    CoupledDropout,
    Estimate,
    GridHierarchy,
    LevelStatistics,
    Schedule,
    ScheduledLoader,
    Shells,
    Stage,
    Step,
    WorkLR,
    freeze_batch_norm,
    geometric_batch_sizes,
    level_statistics,
    multiscale_backward,
    optimal_batch_sizes,
    optimal_nested_batch_sizes,
    restrict,
    work_units,
)
from telegrad.data import Folder, NamedImage, image_pyramid
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.evaluation import Protocol
from telegrad.inference import (
    Model,
    evaluate_folders,
    evaluate_model,
    load_model,
    restore_files,
    restore_image,
)
from telegrad.networks import ResNet, SRNet, UNet
from telegrad.runs import Config
from telegrad.schedules import Cascadic
from telegrad.tasks import (
    Objective,
    PaperDeblurring,
    PaperDenoising,
    PaperInpainting,
    PaperSuperResolution,
)
from telegrad.training.checkpoint import read_checkpoint, write_checkpoint

NAN, INF = float("nan"), float("inf")
GRIDS = GridHierarchy((16, 16), levels=2)
IMAGES = torch.zeros(4, 3, 16, 16)
META = IMAGES.to("meta")
ONE_STAGE = Schedule(GRIDS, (Stage(5, 1, (4,)),))
TWO_LEVELS = Schedule(GRIDS, (Stage(5, 1, (4, 2)),))
SCALE = torch.ones((), requires_grad=True)
RANDOM = torch.Generator()
TASKS = {
    "denoising": PaperDenoising(),
    "deblurring": PaperDeblurring().at_size((16, 16)),
    "inpainting": PaperInpainting().at_size((16, 16)),
}
SUPER = PaperSuperResolution()


def losses(images):
    return (SCALE * images).square().mean((1, 2, 3))


def step(losses=losses, batch=IMAGES, grids=GRIDS, sizes=(4, 2), **options):
    return multiscale_backward(losses, batch, grids, sizes, **options)


def statistics(losses=losses, batch=IMAGES + 1, grids=GRIDS, parameters=(SCALE,), **options):
    return level_statistics(losses, batch, grids, parameters, **({"timing": 0} | options))


class OnLevels:
    """A dataset that does not say how its levels are made."""

    grids = GRIDS

    def __len__(self):
        return 1

    def on_level(self, pick): ...

    def collated(self, samples): ...


def on_two_devices():
    parts = (META[:2, :, :8, :8], IMAGES[:2])
    return step(batch=Shells(parts))


PUBLIC = [
    # call, what it is given, error, what is said
    (CoupledDropout, lambda: CoupledDropout(NAN), ValueError, "CoupledDropout: p=nan"),
    (CoupledDropout, lambda: CoupledDropout("x"), ValueError, "CoupledDropout: p='x'"),
    (CoupledDropout, lambda: CoupledDropout()(torch.ones(3)), ValueError, "CoupledDropout: got (3,)"),
    (CoupledDropout, lambda: CoupledDropout()(IMAGES.int()), ValueError, "CoupledDropout: got (4, 3, 16, 16) of torch.int32"),
    (GridHierarchy, lambda: GridHierarchy((), 1), ValueError, "GridHierarchy: finest=()"),
    (GridHierarchy, lambda: GridHierarchy((16, 16, 3, 8), 1), ValueError, "GridHierarchy: finest=(16, 16, 3, 8)"),
    (GridHierarchy, lambda: GridHierarchy((16.5, 16), 1), ValueError, "GridHierarchy: finest=(16.5, 16)"),
    (GridHierarchy, lambda: GridHierarchy((NAN, 16), 1), ValueError, "GridHierarchy: finest=(nan, 16)"),
    (GridHierarchy, lambda: GridHierarchy("16", 1), ValueError, "GridHierarchy: finest='16'"),
    (GridHierarchy, lambda: GridHierarchy(16, 1), ValueError, "GridHierarchy: finest=16"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), NAN), ValueError, "GridHierarchy: levels=nan"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), "2"), ValueError, "GridHierarchy: levels='2'"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 10**9), ValueError, "GridHierarchy: levels=1000000000"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 1, NAN), ValueError, "GridHierarchy: finest_cost=nan"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, fixed=(2,)), ValueError, "GridHierarchy: fixed=(2,)"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, fixed=0), ValueError, "GridHierarchy: fixed=0"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, fixed=(0, 1)), ValueError, "leaves no axis to coarsen"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, measured=(1,)), ValueError, "measured=(1,); needs 2 positive numbers"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, measured=(NAN, 1)), ValueError, "measured=(nan, 1)"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 1, finest_width=0), ValueError, "finest_width=0"),
    (GridHierarchy, lambda: GridHierarchy((16, 16), 2, nodes=True), ValueError, "16×16 nodes can't be halved 1 time"),
    (GridHierarchy, lambda: GRIDS.shape(0.5), ValueError, "GridHierarchy: no level 0.5"),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES, GRIDS), TypeError, "ScheduledLoader: schedule=GridHierarchy"),
    (ScheduledLoader, lambda: ScheduledLoader(iter(IMAGES), ONE_STAGE), TypeError, "has no length; needs a map-style dataset"),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES[:0], ONE_STAGE), ValueError, "ScheduledLoader: "),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES[..., :8], ONE_STAGE), ValueError, "16×8 pixels, smaller than"),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES, ONE_STAGE, seed=NAN), ValueError, "ScheduledLoader: seed=nan"),
    (ScheduledLoader, lambda: ScheduledLoader(OnLevels(), ONE_STAGE), TypeError, "OnLevels has its samples on every level, and doesn't say how"),
    (ScheduledLoader, lambda: ScheduledLoader(pyramid(), ONE_STAGE, restriction="injection"), ValueError, "ScheduledLoader: restriction='injection', and the dataset's"),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES, ONE_STAGE, rank=2, world=2), ValueError, "rank=2 of world=2"),
    (ScheduledLoader, lambda: ScheduledLoader(IMAGES, ONE_STAGE, rank=0, world=3), ValueError, "can't be divided among 3 processes"),
    (Step, lambda: next(iter(ScheduledLoader(IMAGES, TWO_LEVELS))).batch, ValueError, "Step.batch: step 0 sums over 2 levels"),
    (Step, lambda: next(iter(ScheduledLoader(IMAGES, TWO_LEVELS))).backward(lambda images: 1.0), TypeError, "losses returned float"),
    (WorkLR, lambda: WorkLR(torch.optim.SGD([SCALE]), warmup=NAN), ValueError, "WorkLR: warmup=nan"),
    (WorkLR, lambda: WorkLR(torch.optim.SGD([SCALE]), warmup=1), ValueError, "WorkLR: warmup=1"),
    (WorkLR, lambda: WorkLR(torch.optim.SGD([SCALE])).load_state_dict({"highest": [1, 2], "progress": 0}), ValueError, "2 learning rates for 1 parameter groups"),
    (Stage, lambda: Stage(NAN, 0, (4,)), ValueError, "Stage: steps=nan"),
    (Stage, lambda: Stage(5, "0", (4,)), ValueError, "Stage: steps=5, finest='0'"),
    (Stage, lambda: Stage(5, 0, 4), TypeError, "Stage: batch_sizes=4"),
    (Stage, lambda: Stage(5, 1, (4, 2), (1, 1)), ValueError, "Stage: alphas=(1, 1); needs 1 numbers"),
    (Stage, lambda: Stage(5, 1, (4, 2), (NAN,)), ValueError, "Stage: alphas=(nan,)"),
    (Stage, lambda: Stage(5, 1, (4, 2), 1), ValueError, "Stage: alphas=1"),
    (Schedule, lambda: Schedule(GRIDS, ()), ValueError, "Schedule: no stages"),
    (Schedule, lambda: Schedule(GRIDS, Stage(5, 0, (4,))), TypeError, "needs a tuple of Stage"),
    (Schedule, lambda: Schedule((16, 16), (Stage(5, 0, (4,)),)), TypeError, "Schedule: grids=(16, 16)"),
    (Schedule, lambda: Schedule(GRIDS, (Stage(5, 0, (NAN,)),)), ValueError, "batch_sizes=(nan,)"),
    (Schedule, lambda: Schedule(GRIDS, (Stage(5, 0, ()),)), ValueError, "Schedule: stage 0 uses levels 1 to 0"),
    (Schedule, lambda: Schedule(GRIDS, (Stage(5, 0, (4,)),)).with_steps(NAN), ValueError, "Schedule: nan steps"),
    (Schedule, lambda: Schedule(GRIDS, (Stage(5, 0, (4,)),)).with_work(INF), ValueError, "Schedule: inf work units"),
    (Schedule, lambda: Schedule(GRIDS, (Stage(5, 0, (4,)),)).with_work(99, [NAN]), ValueError, "Schedule: shares=(nan,)"),
    (geometric_batch_sizes, lambda: geometric_batch_sizes(0), ValueError, "geometric_batch_sizes: levels=0"),
    (geometric_batch_sizes, lambda: geometric_batch_sizes(2, NAN), ValueError, "finest=nan"),
    (geometric_batch_sizes, lambda: geometric_batch_sizes(2, 16, "2"), ValueError, "ratio='2'"),
    (multiscale_backward, lambda: step(accumulate=0), ValueError, "multiscale_backward: accumulate=0; needs a whole number from 1 on"),
    (multiscale_backward, lambda: step(accumulate=NAN), ValueError, "multiscale_backward: accumulate=nan"),
    (work_units, lambda: work_units(()), ValueError, "batch_sizes=()"),
    (work_units, lambda: work_units(16), TypeError, "batch_sizes=16"),
    (work_units, lambda: work_units("16"), TypeError, "batch_sizes='16'"),
    (work_units, lambda: work_units((4.0, NAN)), ValueError, "batch_sizes=(4.0, nan)"),
    (work_units, lambda: work_units((INF,)), ValueError, "batch_sizes=(inf,)"),
    (work_units, lambda: work_units((4, 2), costs=(1,)), ValueError, "work_units: costs=(1,) for 2 levels"),
    (work_units, lambda: work_units((4,), costs=(NAN,)), ValueError, "work_units: costs=(nan,)"),
    (work_units, lambda: work_units((4, 2), "nested", 2.0, (1, 4)), ValueError, "work_units: finest_cost=2.0 and costs=(1, 4); needs one of them"),
    (Schedule, lambda: next(replace(ONE_STAGE, seconds=60).walk()), ValueError, "Schedule: how many steps fit into 60 s"),
    (Schedule, lambda: replace(ONE_STAGE, seconds=60).at(0), ValueError, "walk it with ScheduledLoader"),
    (work_units, lambda: work_units((4,), "nested", NAN), ValueError, "work_units: finest_cost=nan"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((), (), 9), ValueError, "optimal_batch_sizes: got 0 levels"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((NAN, 1), (1, 2), 9), ValueError, "optimal_batch_sizes: got (nan, 1)"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes(("a", 1), (1, 2), 9), ValueError, "optimal_batch_sizes: got ('a', 1)"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((-1, 1), (1, 2), 9), ValueError, "variances=(-1, 1)"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((1, 1), (1, "b"), 9), ValueError, "costs=(1, 'b')"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((1, 1), (1, 2), INF), ValueError, "a budget of inf"),
    (optimal_batch_sizes, lambda: optimal_batch_sizes((1, 1), (1, 2), NAN), ValueError, "a budget of nan"),
    (optimal_nested_batch_sizes, lambda: optimal_nested_batch_sizes((), (), 9), ValueError, "optimal_nested_batch_sizes: got 0 levels"),
    (optimal_nested_batch_sizes, lambda: optimal_nested_batch_sizes((NAN, 1), (1, 2), 9), ValueError, "optimal_nested_batch_sizes: got (nan, 1)"),
    (optimal_nested_batch_sizes, lambda: optimal_nested_batch_sizes(("a", 1), (1, 2), 9), ValueError, "got ('a', 1)"),
    (optimal_nested_batch_sizes, lambda: optimal_nested_batch_sizes((0.5, 1), (1, 2), INF), ValueError, "a budget of inf"),
    (freeze_batch_norm, lambda: freeze_batch_norm(losses), TypeError, "freeze_batch_norm: got a function"),
    (freeze_batch_norm, lambda: freeze_batch_norm(nn.BatchNorm2d(3, track_running_stats=False)), ValueError, "keeps no running statistics"),
    (level_statistics, lambda: statistics(batch="images"), TypeError, "batch: got a str"),
    (level_statistics, lambda: statistics(batch=IMAGES[..., :8]), ValueError, "level_statistics: images of 16×8"),
    (level_statistics, lambda: statistics(batch=IMAGES[:1]), ValueError, "level_statistics: 1 draw"),
    (level_statistics, lambda: statistics(batch=IMAGES * NAN), FloatingPointError, "gradient of draw 0 on level 0 is not finite"),
    (level_statistics, lambda: statistics(grids=(16, 16)), TypeError, "level_statistics: grids of type tuple"),
    (level_statistics, lambda: statistics(parameters=SCALE), TypeError, "needs several tensors, such as model.parameters()"),
    (level_statistics, lambda: statistics(parameters=["weight"]), TypeError, "needs several tensors, such as model.parameters()"),
    (level_statistics, lambda: statistics(parameters=[]), ValueError, "none of the parameters requires a gradient"),
    (level_statistics, lambda: statistics(lambda images: 1.0), TypeError, "losses returned float"),
    (level_statistics, lambda: statistics(lambda images: losses(images).detach()), ValueError, "the loss does not depend"),
    (level_statistics, lambda: statistics(budget=NAN), ValueError, "a budget of nan"),
    (level_statistics, lambda: statistics(budget="9"), ValueError, "a budget of 9"),
    (level_statistics, lambda: statistics(timing=-1), ValueError, "level_statistics: timing=-1"),
    (level_statistics, lambda: statistics(timing=2.5), ValueError, "level_statistics: timing=2.5"),
    (level_statistics, lambda: statistics(resamples=-1), ValueError, "level_statistics: resamples=-1"),
    (level_statistics, lambda: statistics(seed="a"), ValueError, "level_statistics: seed='a'"),
    (level_statistics, lambda: statistics(own=3), ValueError, "own draws for 0 levels of 2"),
    (level_statistics, lambda: statistics(restriction="blur"), ValueError, "restrict: no rule 'blur'"),
    (LevelStatistics, lambda: statistics().costs("s"), ValueError, "LevelStatistics: unit='s'"),
    (LevelStatistics, lambda: statistics().costs("seconds"), ValueError, "LevelStatistics: no seconds were measured"),
    (LevelStatistics, lambda: statistics().progress(5), ValueError, "GridHierarchy: no level 5"),
    (LevelStatistics, lambda: statistics().allocation("mlmc"), ValueError, "allocation: form='mlmc'"),
    (LevelStatistics, lambda: statistics().correction_variance((NAN,)), ValueError, "LevelStatistics: alphas=(nan,)"),
    (LevelStatistics, lambda: statistics().correction_variance((1, 1)), ValueError, "LevelStatistics: alphas=(1, 1)"),
    (restrict, lambda: restrict("image"), TypeError, "batch: got a str"),
    (restrict, lambda: restrict(np.zeros((4, 3, 8, 8))), TypeError, "batch: got a ndarray"),
    (restrict, lambda: restrict(IMAGES.byte()), TypeError, "restrict: of type torch.uint8"),
    (restrict, lambda: restrict(torch.zeros(4, 3, 7, 8)), ValueError, "restrict: of shape (4, 3, 7, 8)"),
    (restrict, lambda: restrict(torch.zeros(4, 3, 0, 0)), ValueError, "restrict: of shape (4, 3, 0, 0)"),
    (restrict, lambda: restrict({"m": torch.zeros(8, 8)}, {"m": "mask"}), ValueError, "restrict: field 'm' of shape (8, 8)"),
    (restrict, lambda: restrict(IMAGES, "blur"), ValueError, "restrict: no rule 'blur'"),
    (restrict, lambda: restrict(IMAGES, ["averaging"]), ValueError, "restrict: no rule ['averaging']"),
    (Shells, lambda: Shells(IMAGES), TypeError, "Shells: parts of type Tensor"),
    (Shells, lambda: step(batch=Shells(())), ValueError, "multiscale_backward: shells of ()"),
    (Shells, lambda: step(batch=Shells(("a", "b"))), TypeError, "batch: got a str"),
    (Shells, on_two_devices, ValueError, "meta"),
    (multiscale_backward, lambda: step(batch={}), ValueError, "batch: fields need the same number of samples"),
    (multiscale_backward, lambda: step(batch=IMAGES[:0]), ValueError, "multiscale_backward: the batch has 0 samples"),
    (multiscale_backward, lambda: step(batch=IMAGES[..., :8]), ValueError, "multiscale_backward: images of 16×8"),
    (multiscale_backward, lambda: step(batch=IMAGES.byte()), TypeError, "restrict: of type torch.uint8"),
    (multiscale_backward, lambda: step(batch="images"), TypeError, "batch: got a str"),
    (multiscale_backward, lambda: step(grids=(16, 16)), TypeError, "multiscale_backward: grids of type tuple"),
    (multiscale_backward, lambda: step(sizes=4), TypeError, "batch_sizes=4"),
    (multiscale_backward, lambda: step(sizes=(4, NAN)), ValueError, "batch_sizes=(4, nan)"),
    (multiscale_backward, lambda: step(sizes=("4", "2")), ValueError, "batch_sizes=('4', '2')"),
    (multiscale_backward, lambda: step(alphas=[NAN]), ValueError, "alphas=(nan,)"),
    (multiscale_backward, lambda: step(alphas=["1"]), ValueError, "alphas=('1',)"),
    (multiscale_backward, lambda: step(form="mlmc"), ValueError, "form='mlmc'"),
    (multiscale_backward, lambda: step(lambda images: 1.0), TypeError, "losses returned float"),
    (multiscale_backward, lambda: step(lambda images: losses(images).detach()), TypeError, "losses returned torch.float32 without a gradient"),
    (multiscale_backward, lambda: step(lambda images: losses(images).mean()), ValueError, "losses returned the shape ()"),
]  # fmt: skip


def identity(x, t=None):
    return x


def drawn(task, **changes):
    return {**TASKS[task].draw(IMAGES, RANDOM), **changes}


def pyramid(pixels=None, **options):
    pixels = np.zeros((16, 16, 3), np.uint8) if pixels is None else pixels
    return build_pyramid([NamedImage("image", lambda: pixels)], GRIDS, **options)


def model(network=None):
    return Model(Config(), Objective(TASKS["denoising"]), network or SRNet(channels=8))


TIMES = torch.zeros(4)
NETWORKS = {"UNet": UNet(channels=16), "ResNet": ResNet(channels=8)}

BELOW = [
    ("PaperDenoising", lambda: PaperDenoising(t_max=NAN), ValueError, "t_max=nan: needs"),
    ("PaperDenoising", lambda: PaperDenoising(t_max="1"), ValueError, "t_max='1': needs"),
    ("PaperDeblurring", lambda: PaperDeblurring(sigma=(NAN, 1)), ValueError, "sigma=(nan, 1)"),
    ("PaperDeblurring", lambda: PaperDeblurring(sigma=("3", "3")), ValueError, "sigma=('3', '3')"),
    ("PaperDeblurring", lambda: PaperDeblurring(sigma=(1e300, 1)), ValueError, "sigma=(1e+300, 1)"),
    ("PaperDeblurring", lambda: PaperDeblurring(sigma=()), ValueError, "sigma=()"),
    *(
        row
        for name, task in TASKS.items()
        for row in (
            (name, lambda task=task: task.draw("images", RANDOM), TypeError, "Task.draw: got a str"),
            (name, lambda task=task: task.draw(IMAGES[0], RANDOM), ValueError, "Task.draw: images of shape (3, 16, 16)"),
            (name, lambda task=task: task.draw(IMAGES[:0], RANDOM), ValueError, "Task.draw: images of shape (0, 3, 16, 16)"),
            (name, lambda task=task: task.draw(IMAGES.byte(), RANDOM), ValueError, "type torch.uint8"),
            (name, lambda task=task: task.draw(META, RANDOM), ValueError, "Task.draw: images on meta, generator on cpu"),
            (name, lambda task=task, name=name: task.observe(drawn(name, noise=IMAGES[:, :1])), ValueError, "Task.observe: a draw with"),
            (name, lambda task=task, name=name: task.observe(drawn(name, time=TIMES[:1])), ValueError, "'time': (1,)"),
            (name, lambda task=task, name=name: task.observe(drawn(name, noise=META)), ValueError, "'noise': 'meta'"),
            (name, lambda task=task, name=name: task.losses(lambda x, t: x[:, :1], drawn(name)), ValueError, "Task.losses: restored images of shape (4, 1, 16, 16)"),
        )
    ),
    ("superresolution", lambda: SUPER.draw(IMAGES[0], RANDOM), ValueError, "PaperSuperResolution.draw: images of shape (3, 16, 16)"),
    ("superresolution", lambda: SUPER.draw(IMAGES.byte(), RANDOM), ValueError, "type torch.uint8"),
    ("superresolution", lambda: SUPER.observe({"clean": IMAGES, "low": IMAGES}), ValueError, "PaperSuperResolution.observe: a draw with"),
    ("superresolution", lambda: SUPER.losses(lambda x: x[:, :1], SUPER.draw(IMAGES, RANDOM)), ValueError, "Task.losses: restored images"),
    *(
        row
        for name, network in NETWORKS.items()
        for row in (
            (name, lambda network=network: network("images", TIMES), TypeError, f"{name}: got a str"),
            (name, lambda network=network: network(IMAGES[0], TIMES), ValueError, f"{name}: images of shape (3, 16, 16)"),
            (name, lambda network=network: network(IMAGES[:0], TIMES[:0]), ValueError, f"{name}: images of shape (0, 3, 16, 16)"),
            (name, lambda network=network: network(IMAGES[:, :1], TIMES), ValueError, f"{name}: images of shape (4, 1, 16, 16)"),
            (name, lambda network=network: network(IMAGES.int(), TIMES), ValueError, "type torch.int32"),
            (name, lambda network=network: network(IMAGES, TIMES[:1]), ValueError, f"{name}: times of shape (1,)"),
            (name, lambda network=network: network(IMAGES, TIMES.long()), ValueError, "type torch.int64"),
            (name, lambda network=network: network(META, TIMES), ValueError, f"{name}: images, times and weights on cpu and meta"),
            (name, lambda network=network: network(IMAGES), (TypeError, ValueError), ""),
        )
    ),
    ("SRNet", lambda: SRNet(channels=8)("images"), TypeError, "SRNet: got a str"),
    ("SRNet", lambda: SRNet(channels=8)(IMAGES[0]), ValueError, "SRNet: images of shape (3, 16, 16)"),
    ("SRNet", lambda: SRNet(channels=8)(IMAGES.byte()), ValueError, "type torch.uint8"),
    ("SRNet", lambda: SRNet(channels=8)(META), ValueError, "on cpu and meta"),
    ("build_pyramid", lambda: build_pyramid([], GRIDS), ValueError, "build_pyramid: no images"),
    ("build_pyramid", lambda: build_pyramid([], GridHierarchy((16,), 2)), ValueError, "build_pyramid: grids of 16 with blocks of 2"),
    ("build_pyramid", lambda: build_pyramid([], GridHierarchy((17, 17), 2, nodes=True)), ValueError, "build_pyramid: grids of 17×17 with nodes"),
    ("build_pyramid", lambda: pyramid(restriction="blur"), ValueError, "build_pyramid: restriction='blur'"),
    ("build_pyramid", lambda: pyramid(memory=NAN), ValueError, "build_pyramid: memory=nan"),
    ("build_pyramid", lambda: pyramid(memory=-1), ValueError, "build_pyramid: memory=-1"),
    ("image_pyramid", lambda: image_pyramid([], GRIDS, memory=NAN), ValueError, "image_pyramid: memory=nan"),
    ("image_pyramid", lambda: image_pyramid([], GRIDS, memory=-0.5), ValueError, "image_pyramid: memory=-0.5"),
    ("image_pyramid", lambda: image_pyramid([], GRIDS, memory="4"), ValueError, "image_pyramid: memory='4'"),
    ("image_pyramid", lambda: image_pyramid([], GRIDS), ValueError, "image_pyramid: no images"),
    ("build_pyramid", lambda: pyramid(bad_images="keep"), ValueError, "bad_images='keep'"),
    ("build_pyramid", lambda: pyramid(np.zeros((16, 16), np.uint8)), ValueError, "image: pixels of shape (16, 16)"),
    ("build_pyramid", lambda: pyramid(np.full((16, 16, 3), NAN)), ValueError, "type float64"),
    ("build_pyramid", lambda: pyramid(np.zeros((0, 0, 3), np.uint8)), ValueError, "image: 0×0 pixels"),
    ("CropStream", lambda: CropStream(pyramid(), 0).take((-1, 2)), ValueError, "CropStream.take: numbers=(-1, 2)"),
    ("CropStream", lambda: CropStream(pyramid(), 0).take((NAN, 2)), ValueError, "CropStream.take: numbers=(nan, 2)"),
    ("CropStream", lambda: CropStream(pyramid(), 0).take("12"), ValueError, "CropStream.take: numbers=('1', '2')"),
    ("CropStream", lambda: CropStream(pyramid(), 0).take((1, 1, 1)), ValueError, "CropStream.take: 3 numbers from level 0"),
    ("CropStream", lambda: CropStream(pyramid(), 0).take((1,), rank=1), ValueError, "rank=1 of world=1"),
    ("restore_image", lambda: restore_image(model(), IMAGES), ValueError, "restore: image of shape (4, 3, 16, 16)"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0, :1]), ValueError, "restore: image of shape (1, 16, 16)"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0, :, :0]), ValueError, "restore: image of shape (3, 0, 16)"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0].byte()), ValueError, "type torch.uint8"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0] * NAN), ValueError, "not finite"),
    ("restore_image", lambda: restore_image(model(), META[0]), ValueError, "restore: image has values"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0], noise=NAN), ValueError, "restore_image: noise=nan"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0], tile=0), ValueError, "restore: tile=0"),
    ("restore_files", lambda: restore_files(model(), "", "out"), ValueError, "restore: source=''"),
    ("restore_files", lambda: restore_files(model(), "photos", "\0"), ValueError, "restore: out='\\x00'"),
    ("restore_image", lambda: restore_image(model(), IMAGES[0], noise=3), ValueError, "restore_image: noise=3; needs a standard deviation from 0 to 2"),
    ("evaluate_model", lambda: evaluate_model(model(), images=0), ValueError, "images=0: needs"),
    ("evaluate_model", lambda: evaluate_model(model(), images=NAN), ValueError, "images=nan"),
    ("evaluate_folders", lambda: evaluate_folders(model(), []), ValueError, "evaluate: no folder; needs one"),
    ("evaluate_folders", lambda: evaluate_folders(model(), ["no"], Protocol(sigma=[25])), ValueError, "has no such strength"),
    ("Protocol", lambda: Protocol(sigma=[NAN]), ValueError, "sigma=[nan]: needs"),
    ("Protocol", lambda: Protocol(crop_border=-1), ValueError, "crop_border=-1: needs"),
    ("Protocol", lambda: Protocol(channel="yuv"), ValueError, "channel='yuv': needs"),
    ("load_model", lambda: load_model("\0"), ValueError, "checkpoint '\\x00'"),
    ("Config", lambda: Config(strategy="vcycle"), ValueError, "strategy=vcycle: no such name"),
    ("Config", lambda: Config(strategy=PaperDenoising()), ValueError, "strategy: "),
    ("Config", lambda: Config(task=Cascadic()), ValueError, "task: "),
    ("Config", lambda: Config(seed="7"), ValueError, "seed='7': needs"),
    ("Config", lambda: Config(output="results"), ValueError, "output='results': needs Output"),
    ("Cascadic", lambda: Cascadic(batch_sizes=[4, 2.5]), ValueError, "batch_sizes=[4, 2.5]"),
]  # fmt: skip

ROWS = [(getattr(call, "__name__", call), *rest) for call, *rest in PUBLIC + BELOW]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [row[1:] for row in ROWS],
    ids=[f"{name}-{number}" for number, (name, *_) in enumerate(ROWS)],
)
def test_bad_input_is_refused_by_name(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)


def test_a_loss_that_is_not_a_number_makes_the_estimate_not_a_number():
    """Nothing waits for the device to look at values; the training loop looks once a step."""
    for form, samples in (("nested", 4), ("independent", 6)):
        images = torch.zeros(samples, 3, 16, 16)
        images[0, 0, 0, 0] = NAN
        estimate = step(batch=images, form=form)
        assert isinstance(estimate, Estimate)
        assert estimate.loss.isnan()
        assert estimate.losses[1].isnan().any()
        assert estimate.work_units > 0


def test_values_that_are_not_numbers_stay_so():
    images = torch.full((1, 3, 16, 16), NAN)
    assert restrict(images).isnan().all()
    assert ResNet(channels=8)(images, torch.zeros(1)).isnan().all()
    assert PaperDenoising().observe(PaperDenoising().draw(images, RANDOM)).isnan().all()


def test_a_folder_without_images_and_files_that_are_no_checkpoints(tmp_path):
    with pytest.raises(ValueError, match="folder: no images in"):
        Folder(path=str(tmp_path)).source()
    with pytest.raises(FileNotFoundError, match="folder: .*nowhere is not a directory"):
        Folder(path=str(tmp_path / "nowhere")).source()
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="no checksum"):
        read_checkpoint(tmp_path / "list.pt")
    write_checkpoint(tmp_path / "other.pt", {"a": torch.full((2,), NAN)})
    assert read_checkpoint(tmp_path / "other.pt")["a"].isnan().all()
    for name in ("list.pt", "other.pt"):
        with pytest.raises(ValueError, match=f"checkpoint .*{name}: not a model"):
            load_model(tmp_path / name)
        for device in ("meta", "abacus", ""):
            with pytest.raises(ValueError, match=f"device={device} can't be used"):
                load_model(tmp_path / name, device)


def test_another_network_than_the_checkpoint_s_is_refused(tmp_path):
    path = tmp_path / "best.pt"
    weights = nn.Linear(2, 2).state_dict()
    write_checkpoint(path, {"configuration": {"network": "resnet"}, "model_state_dict": weights})
    with pytest.raises(ValueError, match=r"checkpoint .*best\.pt: .*missing from the file"):
        load_model(path)


def test_every_public_name_has_its_rows():
    tested = {getattr(call, "__name__", call) for call, *_ in PUBLIC} | {"Estimate"}
    assert tested == set(telegrad.__all__)
