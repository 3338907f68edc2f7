"""A trained model, measured on validation images."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch
from tqdm import tqdm

from telegrad.data import Data, Folder, Pairs
from telegrad.inference.model import Model
from telegrad.inference.whole import whole_draw
from telegrad.networks import check_network
from telegrad.runs.build import build_validation
from telegrad.runs.component import Component
from telegrad.tasks import Draw, Objective, Task
from telegrad.training.validation import EVALUATION_SEED, Quality, quality_of, together

CROPS = 64
"""To evaluate on, where nothing is said."""


def evaluate_model(
    model: Model, data: Data | None = None, images: int | None = None
) -> tuple[Quality, Quality]:
    """Quality of corrupted and of restored validation images, on the same draws for every model.

    Of a `Folder`, or of `Pairs`, all images are taken, whole, as `restore` would take them, unless
    its `size` or the number of crops is given. Of other datasets it is crops of the images to
    validate on.

    Args:
        model: trained.
        data: whose images; crops are as large as in training unless it says otherwise. By default
            the run's own validation images.
        images: crops to evaluate on; else 64, or of a folder all images.

    Raises:
        ValueError, OSError: for images that can't be used, or of a size that the network refuses.
    """
    data = as_pairs(model, data)
    if isinstance(data, Folder | Pairs) and data.size is None and images is None:
        return evaluate_whole(model, data)
    config = model.config
    if data is not None:
        if data.size is None:
            data = replace(data, size=config.build_data().crop)
        config = replace(config, data=Component.of("data", data))
    number = CROPS if images is None else images
    config = replace(config, validation=replace(config.validation, images=number))
    of_folder = isinstance(data, Folder | Pairs)
    data = config.build_data()
    source = data.all_images() if of_folder and isinstance(data, Folder | Pairs) else data.source()
    objective = Objective(model.task.at_size((data.crop, data.crop)), model.objective.loss)
    validation = build_validation(config, objective, source.val, model.device)
    check_network(model.network, [("the crop", (data.crop, data.crop))], model.task.call)
    return validation.corrupted(), validation.evaluate(model.network)


def as_pairs(model: Model, data: Data | None) -> Data | None:
    """The data; for a model of pairs, a folder is one of pairs named as those it was trained on."""
    own = model.config.build_data()
    if not (model.task.needs_pairs and isinstance(data, Folder) and isinstance(own, Pairs)):
        return data
    of_folder = {n: getattr(data, n) for n in ("path", "size", "bad_images", "max_pixels")}
    return replace(own, **of_folder)


def evaluate_whole(model: Model, folder: Folder | Pairs) -> tuple[Quality, Quality]:
    """Quality of corrupted and of restored images, all of a folder and each as a whole.

    Heights and widths are trimmed to multiples of the task's divisor. Lengths of a task, such as
    that of a blur, are in pixels of these images.

    Raises:
        ValueError, OSError: for a folder without images, and for an image that can't be used,
            unless the folder's `bad_images` is `skip`.
    """
    generator = torch.Generator(model.device).manual_seed(EVALUATION_SEED)
    source = folder.all_images()
    for note in source.notes:
        warnings.warn(f"{folder.path}: {note}", stacklevel=2)
    corrupted, restored = [], []
    for image in tqdm(source.val, desc="evaluating", unit="image", leave=False):
        try:
            task, draw = whole_draw(model.task, image, generator)
        except (OSError, ValueError) as error:
            if not folder.skips:
                raise type(error)(f"{error}. Mend or remove it, or use bad_images=skip.") from error
            warnings.warn(f"skipped {error}", stacklevel=2)
            continue
        both = _qualities(model, task, draw)
        corrupted.append(both[0])
        restored.append(both[1])
    if not restored:
        raise ValueError(f"evaluate: none of {len(source.val)} images can be used.")
    return together(corrupted), together(restored)


@torch.no_grad()
def _qualities(model: Model, task: Task, draw: Draw) -> tuple[Quality, Quality]:
    second = None if task.condition is None else draw[task.condition]
    restored = model.restored(task.observe(draw), second)
    objective = Objective(task, model.objective.loss)
    unrestored = quality_of(objective, task.unrestored(draw), draw["clean"])
    return unrestored, quality_of(objective, restored.float(), draw["clean"])
