"""Ctrl-C and SIGTERM: the step is finished and saved before the run stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A run that stopped because it was asked to, after having saved its state.

    Attributes:
        signal: that asked.
        iteration: the run's last step.
    """

    def __init__(self, number: int, iteration: int) -> None:
        super().__init__(f"stopped after iteration {iteration:,}")
        self.signal = number
        self.iteration = iteration


class Interruptions:
    """Notes SIGINT and SIGTERM while entered (`with`), instead of acting on them.

    A second one acts at once, as if nothing had been noted. Outside the main thread, where Python
    has no signals, it notes nothing.

    Attributes:
        asked: the signal's number, or None.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._before: dict[int, signal.Handlers | object | None] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        self.__exit__()
