"""A trained model, measured on crops of validation images, as training measures it."""

from __future__ import annotations

from dataclasses import replace

from telegrad.data import Data, Folder, Pairs
from telegrad.inference.model import Model
from telegrad.networks import check_network
from telegrad.runs.build import build_validation, pairs_of
from telegrad.runs.component import Component
from telegrad.tasks import Objective
from telegrad.training.validation import Quality

CROPS = 64
"""To evaluate on, where nothing is said."""


def evaluate_model(
    model: Model, data: Data | None = None, images: int | None = None
) -> tuple[Quality, Quality]:
    """Quality of corrupted and of restored crops, on the same draws for every model.

    Of a `Folder`, or of `Pairs`, they are crops of all images, of other datasets of the images to
    validate on. For whole images see `evaluate_folders`.

    Args:
        model: trained.
        data: whose images; crops are as large as in training unless it says otherwise. By default
            the run's own validation images.
        images: crops to evaluate on; else 64.

    Raises:
        ValueError, OSError: for images that can't be used, or of a size that the network refuses.
    """
    data, config = as_pairs(model, data), model.config
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
    own = pairs_of(model.config, model.task)
    if own is None or not isinstance(data, Folder):
        return data
    of_folder = {n: getattr(data, n) for n in ("path", "size", "bad_images", "max_pixels")}
    return replace(own, **of_folder)
