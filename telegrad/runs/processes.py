"""A run of several processes: which of them writes."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Of those that torchrun, or Fabric's launcher, has started."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0
