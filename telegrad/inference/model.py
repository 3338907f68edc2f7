"""A trained model: read back from its checkpoint, and measured on images."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import nn

from telegrad.data.pyramid import BadImages
from telegrad.runs.recipes import Dataset, Device, Recipe
from telegrad.tasks import Task
from telegrad.training.checkpoint import read_checkpoint, reason
from telegrad.training.validation import Quality


@dataclass(frozen=True)
class TrainedModel:
    """A network with its best weights, in evaluation mode, and what it was trained for."""

    recipe: Recipe
    task: Task
    network: nn.Module

    @property
    def longest_time(self) -> float:
        """The largest time of corruption it has seen; 0 for a task without times."""
        return float(getattr(self.task, "t_max", 0.0))


def load_model(
    checkpoint: str | Path, device: Device = "cpu", network: nn.Module | None = None
) -> TrainedModel:
    """The model of a run's `_best.pt`. Nothing in the file is unpickled.

    Args:
        checkpoint: the file.
        device: for the network.
        network: for a run with a network of your own: one of the same kind, into which the weights
            are put.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this program, is damaged, or holds other weights
            than its configuration says.
    """
    path = Path(checkpoint)
    if "\0" in str(path):
        raise ValueError(f"checkpoint {str(path)!r}: needs the name of a run's _best.pt.")
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path}: no such file; needs a run's _best.pt.")
    try:
        torch.empty(0, device=device).cpu()
    except Exception as error:  # a torch without CUDA asserts; the meta device has no data
        raise ValueError(f"device={device} can't be used: {error}") from error
    try:
        content = read_checkpoint(path, device)
        known = {field.name for field in fields(Recipe)}
        configuration = content["configuration"]
        recipe = Recipe(**{k: v for k, v in configuration.items() if k in known})
        if recipe.network != "own":
            network = recipe.build_network()
        if network is not None:
            network.load_state_dict(content["model_state_dict"])
    except Exception as error:  # a foreign or torn file can fail in any way
        raise ValueError(
            f"checkpoint {path}: not a model that `telegrad train` has written, or damaged "
            f"({reason(error)})."
        ) from error
    if network is None:
        raise ValueError(
            f"checkpoint {path}: of {recipe.task} with a network of your own; load it from Python: "
            f"load_model(checkpoint, network=…)."
        )
    network.to(device).eval()
    return TrainedModel(recipe, recipe.build_task(), network)


def evaluate_model(
    model: TrainedModel,
    dataset: Dataset,
    data_dir: str | None = None,
    img_size: int | None = None,
    images: int = 64,
    bad_images: BadImages = "refuse",
) -> tuple[Quality, Quality]:
    """Quality of corrupted and of restored validation images, on the same draws for every model.

    Args:
        model: trained.
        dataset, data_dir: whose validation images; see `Recipe`.
        img_size: height and width of the crops; as in training if not given.
        images: crops to evaluate on.
        bad_images: what to do with images that can't be read or are smaller than the crops.
    """
    patches = dataset == "urban100"
    recipe = replace(
        model.recipe,
        dataset=dataset,
        data_dir=data_dir,
        patch_size=model.recipe.patch_size if patches else None,
        train_patches=model.recipe.train_patches if patches else None,
        test_patches=model.recipe.test_patches if patches else None,
        img_size=model.recipe.size if img_size is None else img_size,
        val_images=images,
        bad_images=bad_images,
        mode="single",
        levels=1,
        batch_sizes=None,
        shares=None,
    )
    recipe.check_sizes(model.network)
    device = next(model.network.parameters()).device
    validation = recipe.build_validation(recipe.build_source().val, device)
    return validation.corrupted(), validation.evaluate(model.network)
