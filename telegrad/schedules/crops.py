"""How large what a network learns to make is, stage by stage."""

from __future__ import annotations

from telegrad.schedules.schedule import Schedule
from telegrad.schedules.stage import Stage


def crop_side(schedule: Schedule, stage: Stage) -> int:
    """Height in pixels of what a network learns to make in a stage.

    Patches are images of their own; coarse images stand for whole ones.

    >>> from telegrad.mge import GridHierarchy
    >>> from telegrad.schedules import cascadic, growing_patches
    >>> grids = GridHierarchy((64, 64), levels=2)
    >>> both = growing_patches(grids), cascadic(grids)
    >>> [[crop_side(schedule, stage) for stage in schedule.stages] for schedule in both]
    [[32, 64], [64, 64]]
    """
    grids = schedule.stage_grids(stage) if schedule.patches == 1 else schedule.grids
    return grids.finest[0]
