"""What a run costs besides its work, over all its sessions: seconds of the clock, and memory."""

from __future__ import annotations

import sys
import time

import torch

from telegrad.training.state import Progress

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]


class Costs:
    """Adds what a session takes to what the run took until then.

    Args:
        progress: of the run, whose `wall_seconds` and `peak_memory` are kept.
        device: whose memory is meant.
    """

    def __init__(self, progress: Progress, device: torch.device) -> None:
        self.progress, self.device = progress, device
        self._counted = time.perf_counter()

    def count(self) -> None:
        """Until now."""
        now, peak = time.perf_counter(), peak_memory(self.device)
        self.progress.wall_seconds += now - self._counted
        self._counted = now
        if peak is not None:
            self.progress.peak_memory = max(peak, self.progress.peak_memory or 0.0)


def peak_memory(device: torch.device) -> float | None:
    """The most memory until now, in MiB: on a GPU of the tensors there; else of the process, with
    Python, libraries and images, or None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes on a Mac
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
