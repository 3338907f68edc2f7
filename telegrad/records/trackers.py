"""All trackers of a run: each that fails is said once, and left off."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from telegrad.records.directory import RunDirectory
from telegrad.records.loggers import logger_of
from telegrad.records.tracker import Tracker


class Trackers:
    """The trackers of a run, of which none holds it up or ends it.

    Args:
        names: of loggers, see `loggers.LOGGERS`.
        directory: of the run.
        configuration: all that describes the run, as plain data.
        done: steps made until now.
        event: is told, in a line, which tracker is left off and why.
    """

    def __init__(
        self,
        names: Sequence[str],
        directory: RunDirectory,
        configuration: Mapping[str, Any],
        done: int,
        event: Callable[[str], None],
    ) -> None:
        self._event = event
        self._trackers = [
            Tracker(name, logger_of(name, directory.trackers, directory.name, configuration, done))
            for name in dict.fromkeys(names)
        ]

    @property
    def show_pictures(self) -> bool:
        """Whether one of them has use for images."""
        return any(tracker.name != "csv" for tracker in self._trackers)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name, after so many steps; those that are not finite are left out."""
        if not self._trackers:
            return
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for tracker in self._trackers:
            tracker.scalars(step, finite)
        self._leave_off()

    def pictures(self, step: int, columns: Mapping[str, Tensor]) -> None:
        """Images beside one another: a row for each, a column for each name.

        Args:
            step: steps made.
            columns: images (n, c, h, w) in [0, 1] by name, in one channel or three.
        """
        image = side_by_side(list(columns.values()))
        for tracker in self._trackers:
            tracker.picture(step, " | ".join(columns), image)
            tracker.save()
        self._leave_off()

    def close(self, status: str) -> None:
        """Ends them; `status` is success or failed."""
        for tracker in self._trackers:
            tracker.close(status)
        self._leave_off()

    def _leave_off(self) -> None:
        failed = [tracker for tracker in self._trackers if tracker.failure is not None]
        for tracker in failed:
            self._trackers.remove(tracker)
            what = f"tracker {tracker.name} is left off: {tracker.failure}"
            self._event(what)
            warnings.warn(f"{what}; the run goes on", stacklevel=4)


def side_by_side(columns: Sequence[Tensor]) -> Tensor:
    """Columns of images (n, c, h, w) as one, (3, n·h, k·w), clipped to [0, 1]; the last says height
    and width, to which others are enlarged pixel by pixel."""
    size = columns[-1].shape[-2:]
    equal = [F.interpolate(images.detach().float().cpu(), size=size) for images in columns]
    rows = torch.cat([torch.cat(list(images), dim=-2) for images in equal], dim=-1)
    return rows.clamp(0, 1).expand(3, -1, -1)
