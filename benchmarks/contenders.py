"""Problems, and the ways to train a network for them that are compared, with what can be tuned."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

LARGEST = 128
"""Height and width of the largest crops of all but full frames, in pixels."""

FULL = 320
"""Of full frames: the largest square of the photographs that all levels fit into."""

RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2)
"""Highest learning rates that are tried."""

CLIP = 0.01
"""Largest norm of a gradient, for all contenders: Restormer's. Without it a learning rate that is
best for 75 s lets a run of 600 s diverge."""

Options = dict[str, Any]
"""Of a run, by name, as in a configuration."""


@dataclass(frozen=True)
class Problem:
    """What is trained, and on which whole images it is measured.

    Attributes:
        task: options of a run; of inpainting see `task_of`.
        network: likewise.
        sets: folders of test images, by name.
        y: whether papers measure it on Y, without a border.
        flat: dB that twice the budget gains at most where the best baseline counts as flat.
        full_frames: whether these are compared too.
        large: whether it is for a GPU, on which a step has more crops.
        pairs: whether it is of pairs of images, instead of photographs that are corrupted.
        validated: crops of a validation.
    """

    task: Options
    network: Options
    sets: tuple[str, ...]
    flat: float = 0.05
    full_frames: bool = False
    large: bool = False
    pairs: bool = False
    validated: int = 8


UNET = {"network": "GatedUNet", "network.channels": 8}
CNN = {"network": "PlainCNN", "network.channels": 16}
NAFNET = {
    "network": "spandrel.architectures.NAFNet.NAFNet",
    "network.width": 16,
    "network.enc_blk_nums": [1, 1, 1],
    "network.middle_blk_num": 1,
    "network.dec_blk_nums": [1, 1, 1],
}
SWINIR = {
    "network": "spandrel.architectures.SwinIR.SwinIR",
    "network.embed_dim": 24,
    "network.depths": [2, 2],
    "network.num_heads": [2, 2],
    "network.window_size": 8,
    "network.mlp_ratio": 2,
    "network.upsampler": "",
    "network.resi_connection": "1conv",
}
UNET_32 = {"network": "GatedUNet", "network.channels": 32}
NAFNET_32 = {
    "network": "spandrel.architectures.NAFNet.NAFNet",
    "network.width": 32,
    "network.enc_blk_nums": [2, 2, 4, 8],
    "network.middle_blk_num": 12,
    "network.dec_blk_nums": [2, 2, 2, 2],
}
SWINIR_LIGHT = {
    "network": "spandrel.architectures.SwinIR.SwinIR",
    "network.embed_dim": 60,
    "network.depths": [6, 6, 6, 6],
    "network.num_heads": [6, 6, 6, 6],
    "network.window_size": 8,
    "network.mlp_ratio": 2,
    "network.upsampler": "",
    "network.resi_connection": "1conv",
}
COLOR, SUPER = ("CBSD68", "Kodak24"), ("Set5", "Set14", "CBSD68")
DENOISING: Options = {"task": "Denoising", "task.sigma": 25}
MOTION: Options = {"task": "Deblurring", "task.blur": "motion"}
ENLARGING: Options = {"task": "SuperResolution", "task.scale": 4}
BOXES: Options = {"task": "Inpainting"}
PROBLEMS = {
    "denoising": Problem(DENOISING, UNET, COLOR, full_frames=True),
    "superresolution": Problem(ENLARGING, UNET, SUPER, full_frames=True),
    "deblurring": Problem(MOTION, UNET, COLOR, flat=0.1, full_frames=True),
    "inpainting": Problem(BOXES, UNET, COLOR, full_frames=True),
    "denoising_cnn": Problem(DENOISING, CNN, COLOR),
    "superresolution_cnn": Problem(ENLARGING, CNN, SUPER),
    "deblurring_cnn": Problem(MOTION, CNN, COLOR, flat=0.1),
    "denoising_nafnet": Problem(DENOISING, NAFNET, COLOR),
    "denoising_swinir": Problem(DENOISING, SWINIR, COLOR),
    "blind": Problem({"task": "Denoising", "task.sigma": "0..50"}, UNET, COLOR),
    "real_nafnet": Problem({"task": "Pairs"}, NAFNET, ("PolyU",), pairs=True, validated=32),
    "denoising_unet_32": Problem(DENOISING, UNET_32, COLOR, large=True),
    "denoising_nafnet_32": Problem(DENOISING, NAFNET_32, COLOR, large=True),
}
BOX = 16, 32
"""Least and largest side of a hole, in pixels; three of them on 128×128 pixels."""


def task_of(problem: Problem, size: int) -> Options:
    """The task's options on crops of `size` pixels a side.

    Inpainting counts boxes and measures their sides in parts of an image; so that all contenders
    train on one problem, they are told those of `BOX`.
    """
    if problem.task["task"] != "Inpainting":
        return problem.task
    boxes = max(1, round(3 * (size / LARGEST) ** 2))
    sides = [BOX[0] / size, min(1.0, BOX[1] / size)]
    return {**problem.task, "task.boxes": boxes, "task.sides": sides}


@dataclass(frozen=True)
class Contender:
    """A way to train.

    Attributes:
        strategy: options of a run.
        knobs: options beyond them that are tried, each at the same learning rate first.
        size: of the crops, where no knob says it.
        rates: highest learning rates that are tried.
        first_rate: of them, the place of the one that knobs are tried at.
        ours: whether it is no baseline.
        optimizer: where it is not the default.
    """

    strategy: Options
    knobs: tuple[Options, ...]
    size: int = LARGEST
    rates: tuple[float, ...] = RATES
    first_rate: int = 2
    ours: bool = field(default=False, kw_only=True)
    optimizer: str | None = field(default=None, kw_only=True)


def _crops(*pairs: tuple[int, int]) -> tuple[Options, ...]:
    return tuple({"size": size, "strategy.batch_size": n} for size, n in pairs)


def _batches(*numbers: int) -> tuple[Options, ...]:
    return tuple({"strategy.batch_size": n} for n in numbers)


MUON, ADAMW = "telegrad.optimizers.Muon", "torch.optim.AdamW"
LATE: Options = {"strategy.decay": 0.3}
CONTENDERS = {
    "fixed random crops": Contender(
        {"strategy": "Single", **LATE}, _crops((32, 8), (32, 16), (64, 4), (64, 8), (128, 4))
    ),
    "progressive patches (Restormer)": Contender(
        {"strategy": "ProgressivePatches", **LATE},
        (
            *_batches(1, 2, 4),
            {"size": 96, "strategy.batch_size": 1},
            {"size": 96, "strategy.batch_size": 2},
        ),
    ),
    "progressive sizes (timm)": Contender(
        {"strategy": "ProgressivePatches", **LATE},
        tuple(
            {"strategy.sizes": sizes, "strategy.batch_size": n}
            for sizes in ([64, 96, 128], [32, 64, 96])
            for n in (1, 2)
        ),
    ),
    "random sizes (timm)": Contender(
        {"strategy": "RandomPatches", "strategy.ratio": 4, **LATE},
        tuple(
            {"size": size, "strategy.levels": levels, "strategy.batch_size": n}
            for size, levels, n in ((128, 3, 1), (128, 3, 2), (64, 2, 2), (64, 2, 4), (128, 2, 1))
        ),
    ),
    "growing patches (Fischer et al.)": Contender(
        {"strategy": "GrowingPatches", **LATE},
        tuple(
            {
                "size": size,
                "strategy.levels": 3 if size == LARGEST else 2,
                "strategy.batch_size": n,
                "strategy.ratio": ratio,
            }
            for size, n, ratio in ((128, 2, 1), (128, 2, 2), (128, 1, 4), (64, 4, 2), (64, 8, 1))
        ),
    ),
    "cascadic by hand": Contender(
        {"strategy": "Cascadic", **LATE},
        tuple(
            {
                "strategy.levels": levels,
                "strategy.batch_size": n,
                "strategy.ratio": ratio,
                "strategy.shares": shares,
            }
            for levels, n, ratio, shares in (
                (3, 2, 2, [2, 3, 5]),
                (3, 2, 4, [2, 3, 5]),
                (3, 2, 2, [4, 4, 2]),
                (2, 2, 2, [3, 7]),
                (2, 2, 2, [6, 4]),
            )
        ),
    ),
    "single on full frames": Contender(
        {"strategy": "Single", **LATE}, _batches(1, 2), size=FULL, first_rate=1
    ),
    "auto": Contender({"strategy": "Auto"}, ({},), ours=True),
    "race": Contender({"strategy": "Race"}, ({},), rates=(2e-3,), first_rate=0, ours=True),
}
CONTENDERS |= {
    "race, AdamW": replace(CONTENDERS["race"], optimizer=ADAMW),
    "race, Muon": replace(CONTENDERS["race"], optimizer=MUON),
    "fixed random crops, Muon": replace(
        CONTENDERS["fixed random crops"], ours=True, optimizer=MUON
    ),
}


NAFNETS = "NAFNet's settings"
LARGE_RATES = (1e-3, 2e-3, 4e-3)
LARGE = {
    "fixed random crops": Contender(
        {"strategy": "Single", **LATE},
        _crops((32, 128), (64, 32), (64, 64), (128, 8), (128, 32)),
        rates=LARGE_RATES,
        first_rate=1,
    ),
    "progressive patches (Restormer)": Contender(
        {"strategy": "ProgressivePatches", **LATE}, _batches(4, 8), rates=LARGE_RATES, first_rate=1
    ),
    NAFNETS: Contender({"strategy": "Single"}, _batches(32), rates=(1e-3,), first_rate=0),
    "race": CONTENDERS["race"],
}
"""On a GPU."""

CONTENDERS[NAFNETS] = LARGE[NAFNETS]


def contenders_of(problem: Problem) -> dict[str, Contender]:
    """Those that a problem is compared by."""
    if problem.large:
        return LARGE
    keeps_adamw = problem.task["task"] == "SuperResolution"
    left_out = {NAFNETS, "race, AdamW" if keeps_adamw else "race, Muon"}  # as race itself
    left_out |= set() if problem.full_frames else {"single on full frames"}
    return {name: c for name, c in CONTENDERS.items() if name not in left_out}
