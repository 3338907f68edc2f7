"""Many images on every level, read at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from telegrad.bars import Bar
from telegrad.data.levels import Coarsening, Levels
from telegrad.data.source import NamedImage


def levels_of(
    images: Sequence[NamedImage], coarsening: Coarsening, progress: bool
) -> Generator[Levels | OSError | ValueError]:
    """Every image's levels in turn, or what is wrong with it; each core reads one at a time.

    Args:
        images: one or more.
        coarsening: how they come to be on every level.
        progress: whether to show a progress bar.
    """

    def read(image: NamedImage) -> Levels | OSError | ValueError:
        try:
            return coarsening.read(image)
        except (OSError, ValueError) as error:
            return error

    workers = min(os.cpu_count() or 1, len(images))
    bar = Bar(total=len(images), desc="reading images", unit="", disable=not progress, leave=False)
    pool, ahead = ThreadPoolExecutor(workers), deque[Future[Levels | OSError | ValueError]]()
    try:
        for image in images:
            ahead.append(pool.submit(read, image))
            if len(ahead) > 2 * workers:  # few, so that they take little memory
                yield ahead.popleft().result()
                bar.update()
        while ahead:
            yield ahead.popleft().result()
            bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()
