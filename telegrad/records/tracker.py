"""A tracker: shows a run's numbers and images elsewhere while it trains, and never holds it up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from telegrad.errors import reason

MOST_WAITING = 10_000
"""Values that may wait for a tracker; one that is farther behind is left off."""

AT_THE_END = 10.0
"""Seconds that a finished run gives a tracker for what it has not written yet."""

Say = Callable[[Any], None]
"""Something to be said to an opened logger."""


class Tracker:
    """A logger of Lightning Fabric in a thread of its own, which opens it and feeds it.

    Nothing here waits or raises: what goes wrong, in opening, writing or closing, stands in
    `failure`, and all that comes later is dropped.

    Args:
        name: for messages.
        opens: makes the logger.

    Attributes:
        failure: why it is left off, in a line; None while it works.
    """

    def __init__(self, name: str, opens: Callable[[], Any]) -> None:
        self.name = name
        self.failure: str | None = None
        self._waiting: queue.Queue[Say | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._feed, args=(opens,), daemon=True)
        self._thread.start()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name, after so many steps."""
        numbers = dict(values)
        self._say(lambda logger: logger.log_metrics(numbers, step))

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """An image (3, h, w) in [0, 1]; dropped by loggers that show none."""
        self._say(lambda logger: _show(logger, step, name, image))

    def save(self) -> None:
        """Has the logger write what it has."""
        self._say(lambda logger: logger.save())

    def close(self, status: str, seconds: float = AT_THE_END) -> None:
        """Ends it, and waits for it a little.

        Args:
            status: `success` or `failed`.
            seconds: to wait at most.
        """
        self._say(lambda logger: logger.finalize(status))
        self._say(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._fail(f"it had not written all after {seconds:g} s")

    def _say(self, what: Say | None) -> None:
        if self.failure is not None:
            return
        try:
            self._waiting.put_nowait(what)
        except queue.Full:
            self._fail(f"it is {MOST_WAITING:,} values behind")

    def _feed(self, opens: Callable[[], Any]) -> None:
        try:
            logger = opens()
            while self.failure is None and (what := self._waiting.get()) is not None:
                what(logger)
        except BaseException as error:  # of any kind, also what ends a program
            self._fail(reason(error))

    def _fail(self, why: str) -> None:
        if self.failure is None:
            self.failure = why


def _show(logger: Any, step: int, name: str, image: Tensor) -> None:
    if hasattr(logger, "log_picture"):
        logger.log_picture(name, image, step)
    elif hasattr(logger.experiment, "add_image"):
        logger.experiment.add_image(name, image, step)
