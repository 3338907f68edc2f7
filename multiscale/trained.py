"""A trained model: read back from its checkpoint, and measured on images."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from multiscale.data.pyramid import BadImages
from multiscale.networks import RestorationNetwork
from multiscale.recipes import Dataset, Device, Recipe
from multiscale.tasks import Task
from multiscale.training.checkpoint import load_best
from multiscale.training.evaluate import Quality


@dataclass(frozen=True)
class TrainedModel:
    """A network with its best weights, in evaluation mode, and what it was trained for."""

    recipe: Recipe
    task: Task
    network: RestorationNetwork

    @property
    def longest_time(self) -> float:
        """The largest time of corruption it has seen; 0 for a task without times."""
        return float(getattr(self.task, "t_max", 0.0))


def load_model(checkpoint: str | Path, device: Device = "cpu") -> TrainedModel:
    """The model of a run's `_best.pt`. Nothing in the file is unpickled.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this program, is damaged, or holds other weights
            than its configuration says.
    """
    path = Path(checkpoint)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path}: no such file; needs a run's _best.pt.")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts
        raise ValueError(f"device={device} can't be used: {error}") from error
    try:
        content = load_best(path, device)
        known = {field.name for field in fields(Recipe)}
        configuration = content["configuration"]
        recipe = Recipe(**{k: v for k, v in configuration.items() if k in known})
        network = recipe.build_network()
        network.load_state_dict(content["model_state_dict"])
    except Exception as error:  # a foreign or torn file can fail in any way
        raise ValueError(
            f"checkpoint {path}: not a model that `multiscale train` has written, or damaged "
            f"({type(error).__name__}: {str(error).splitlines()[0]})."
        ) from error
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
    recipe = replace(
        model.recipe,
        dataset=dataset,
        data_dir=data_dir,
        img_size=img_size or model.recipe.img_size,
        val_images=images,
        bad_images=bad_images,
        mode="single",
        levels=1,
        batch_sizes=None,
        shares=None,
    )
    recipe.build_network()  # refuses sizes that the network can't take
    device = next(model.network.parameters()).device
    validation = recipe.build_validation(recipe.build_source().val, device)
    return validation.corrupted(), validation.evaluate(model.network)
