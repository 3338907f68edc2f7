"""What is asked of a dataset when a loader is made, and not hours later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telegrad.loading.picks import Pick
from telegrad.loading.samples import Samples
from telegrad.mge.grids import sized
from telegrad.mge.passengers import boarded
from telegrad.mge.restriction import Rules, check_rules
from telegrad.schedules import Schedule


def number_of_samples(dataset: Any) -> int:
    """How many there are.

    Raises:
        TypeError: if it has no length.
        ValueError: if it is empty.
    """
    try:
        number = len(dataset)
    except TypeError as error:
        raise TypeError(
            f"ScheduledLoader: a {type(dataset).__name__} has no length; needs a map-style "
            f"dataset, with __len__ and __getitem__."
        ) from error
    if not number:
        raise ValueError("ScheduledLoader: the dataset is empty.")
    return number


def rules_for(dataset: Any, asked: Rules | None) -> Rules:
    """Those that are asked for, or a dataset's own where it has its samples on every level.

    Raises:
        TypeError: for such a dataset that doesn't say by which rule it is made.
        ValueError: if another one is asked for: coarse samples would not be what fine ones are
            restricted to, and the sum would not telescope.
    """
    if not hasattr(dataset, "on_level"):
        return "averaging" if asked is None else asked
    own: Rules | None = getattr(dataset, "restriction", None)
    if own is None:
        raise TypeError(
            f"ScheduledLoader: a {type(dataset).__name__} has its samples on every level, and "
            f"doesn't say how they are made; needs the attribute restriction, such as 'averaging'."
        )
    if asked is not None and asked != own:
        raise ValueError(
            f"ScheduledLoader: restriction={asked!r}, and the dataset's coarse samples are made by "
            f"{own!r}; leave restriction out, or make the dataset by the same rule."
        )
    return own


def check_first_sample(
    samples: Samples, schedule: Schedule, looked_at: Callable[[list[Pick]], list[dict[int, Any]]]
) -> None:
    """Raises ValueError unless it can be used on every level of the schedule.

    Args:
        samples: of the dataset.
        schedule: that they are for.
        looked_at: a batch of each of some picks, in the process that is to read them.
    """
    if samples.has_levels:
        has, grids = samples.dataset.grids, schedule.grids
        if (has.finest, has.levels) != (grids.finest, grids.levels):
            raise ValueError(
                f"ScheduledLoader: the dataset has {has.levels} levels up to {sized(has.finest)}, "
                f"the schedule {grids.levels} up to {sized(grids.finest)}; build both with the "
                f"same grids."
            )
    middle, patch = (0.5,) * len(schedule.grids.finest), schedule.patches == 1
    picks = [
        Pick(0, 0, level, middle, patch=patch, shape=stage.shape)
        for stage in schedule.stages
        for level in range(stage.coarsest, stage.finest + 1)
        if stage.shape is not None or not samples.has_levels
    ]
    picks = list(dict.fromkeys(picks))
    for pick, batches in zip(picks, looked_at(picks), strict=True):
        check_rules("ScheduledLoader", [boarded(batches[pick.level])], samples.restriction)
