"""Configurations written by version 0.1, in the form of today: the one converter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASSES = {
    "task": {
        "denoising": "telegrad.tasks.PaperDenoising",
        "deblurring": "telegrad.tasks.PaperDeblurring",
        "inpainting": "telegrad.tasks.PaperInpainting",
        "superresolution": "telegrad.tasks.PaperSuperResolution",
    },
    "network": {
        "unet": "telegrad.networks.UNet",
        "resnet": "telegrad.networks.ResNet",
        "srnet": "telegrad.networks.SRNet",
    },
    "data": {
        "photographs": "telegrad.data.EightPhotographs",
        "folder": "telegrad.data.Folder",
        "cifar10": "telegrad.data.CIFAR10",
        "stl10": "telegrad.data.STL10",
        "celeba": "telegrad.data.CelebA",
        "urban100": "telegrad.data.Urban100",
    },
    "strategy": {
        "single": "telegrad.schedules.Single",
        "multiscale": "telegrad.schedules.Multiscale",
        "fullmultiscale": "telegrad.schedules.FullMultiscale",
        "cascadic": "telegrad.schedules.Cascadic",
        "auto": "telegrad.schedules.Auto",
        "progressive_resizing": "telegrad.schedules.ProgressiveResizing",
        "growing_patches": "telegrad.schedules.GrowingPatches",
        "random_patches": "telegrad.schedules.RandomPatches",
    },
}

RENAMED = {
    "mode": "strategy",
    "dataset": "data",
    "data_dir": "data.path",
    "img_size": "size",
    "iterations": "steps",
    "channels": "network.channels",
    "residual": "network.residual",
    "dropout": "network.dropout",
    "val_images": "validation.images",
    "validations": "validation.times",
    "results_dir": "out",
}
"""Options of version 0.1 that have another name now."""

_OF = {
    "task": ("restriction", "t_max", "sigma", "level_rule"),
    "network": ("channels", "residual", "dropout"),
    "data": ("patch_size", "train_patches", "test_patches", "bad_images"),
    "strategy": (
        *("levels", "batch_size", "ratio", "batch_sizes", "work_units", "budget", "shares"),
        *("decay", "adapt", "patches", "form"),
    ),
    "runtime": (
        *("device", "processes", "precision", "compile", "skip_updates", "save_every"),
        *("memory", "cache_dir"),
    ),
    "output": ("run_id", "label", "overwrite"),
}
_FORM_OF = ("multiscale", "fullmultiscale")


def is_of_0_1(content: Mapping[str, Any]) -> bool:
    """Whether it is a configuration of version 0.1: a flat one, with a mode."""
    return isinstance(content.get("mode"), str) and isinstance(content.get("task"), str)


def converted(old: Mapping[str, Any]) -> dict[str, Any]:
    """The same run as `Config.to_dict` describes it.

    A network of the user's own, which version 0.1 did not describe, is left out.

    Raises:
        ValueError: for names that version 0.1 did not have.
    """
    names = {part: old.get(name) for part, name in _CHOICES}
    content: dict[str, Any] = {"telegrad": "0.1"}
    for part, name in names.items():
        if part == "network" and name == "own":
            continue
        if name not in CLASSES[part]:
            raise ValueError(f"{part}={name!r}: version 0.1 had no such name.")
        arguments = _arguments(old, part)
        content[part] = {"class_path": CLASSES[part][name], "init_args": arguments}
    _mend_data(content["data"], old)
    if old.get("iterations") is not None:
        content["strategy"]["init_args"]["steps"] = old["iterations"]
    if names["strategy"] not in _FORM_OF:
        content["strategy"]["init_args"].pop("form", None)
    if names["task"] == "superresolution" and names["network"] == "resnet":
        content["network"]["init_args"]["time"] = False
    rate = old.get("learning_rate")
    content["optimizer"] = {
        "class_path": "torch.optim.Adam",
        "init_args": {} if rate is None else {"lr": rate},
    }
    content["validation"] = {
        name: old[key]
        for name, key in (("times", "validations"), ("images", "val_images"), ("ema", "ema"))
        if old.get(key) is not None
    }
    for part in ("runtime", "output"):
        content[part] = _arguments(old, part)
    content["output"]["directory"] = old.get("results_dir", "results")
    content["seed"] = old.get("seed", 42)
    return content


def converted_report(old: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a finished run, under their names of today."""
    names = {"took": "wall_seconds", "foretold": "estimated_seconds"}
    return {names.get(name, name): value for name, value in old.items()}


def _arguments(old: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {name: old[name] for name in _OF[part] if old.get(name) is not None}


def _mend_data(data: dict[str, Any], old: Mapping[str, Any]) -> None:
    arguments = data["init_args"]
    if old.get("img_size") is not None:
        arguments["size"] = old["img_size"]
    if old.get("data_dir") is not None:
        arguments["path"] = old["data_dir"]


_CHOICES = (("task", "task"), ("network", "network"), ("data", "dataset"), ("strategy", "mode"))
