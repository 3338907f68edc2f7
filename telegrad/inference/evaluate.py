"""A trained model, measured on validation images."""

from __future__ import annotations

from dataclasses import replace

from telegrad.data import Data
from telegrad.inference.model import Model
from telegrad.networks import check_network
from telegrad.runs.build import build_validation
from telegrad.runs.component import Component
from telegrad.tasks import Objective
from telegrad.training.validation import Quality


def evaluate_model(
    model: Model, data: Data | None = None, images: int = 64
) -> tuple[Quality, Quality]:
    """Quality of corrupted and of restored validation images, on the same draws for every model.

    Args:
        model: trained.
        data: whose validation images; crops are as large as in training unless it says otherwise.
            By default those of the run.
        images: crops to evaluate on.

    Raises:
        ValueError, OSError: for images that can't be used, or of a size that the network refuses.
    """
    config = model.config
    if data is not None:
        if data.size is None:
            data = replace(data, size=config.build_data().crop)
        config = replace(config, data=Component.of("data", data))
    config = replace(config, validation=replace(config.validation, images=images))
    data = config.build_data()
    objective = Objective(model.task.at_size((data.crop, data.crop)), model.objective.loss)
    validation = build_validation(config, objective, data.source().val, model.device)
    check_network(model.network, [("the crop", (data.crop, data.crop))], timed=model.task.timed)
    return validation.corrupted(), validation.evaluate(model.network)
