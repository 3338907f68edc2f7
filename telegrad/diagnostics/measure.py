"""Does it pay? The gradients of a few draws on all levels, measured.

`level_statistics` takes any loss and any parameters, at any point of a training, and returns
`LevelStatistics`: numbers that print themselves as a table, with advice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch import Tensor

from telegrad.diagnostics.gradients import Sketch, draw_gradients, trainable
from telegrad.diagnostics.interval import FEWEST
from telegrad.diagnostics.statistics import LevelStatistics
from telegrad.mge import batches
from telegrad.mge.coupling import StepRandomness
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.levels import check_level, next_coarser
from telegrad.mge.mixing import warn_of_mixing
from telegrad.mge.numbers import is_number, is_whole
from telegrad.mge.passengers import boarded
from telegrad.mge.restriction import Rules, check_rules

TIMED = 16
"""A level is timed on at most so many draws: about a training step's."""


def level_statistics(
    losses: Callable[[Any], Tensor],
    batch: Any,
    grids: GridHierarchy,
    parameters: Iterable[Tensor],
    *,
    restriction: Rules = "averaging",
    own: Sequence[Any] | None = None,
    budget: float = 16.0,
    timing: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    resamples: int = 400,
    seed: int = 0,
) -> LevelStatistics:
    """Statistics of the gradients on all levels, from one forward and backward pass of each draw.

    The work is n·(1 + 1/4 + 1/16 + …) work units for n draws of images, a third of n more for own
    draws, and some for the timing. `.grad`, the random state and the model's mode are left as they
    are; buffers that a forward pass changes (running means) are not restored. Measure with the
    model in the mode in which it trains: dropout is part of the gradient's variance, and the same
    for a draw on all levels if it is `CoupledDropout`.

    Args:
        losses: the losses of a batch on one level, as for `multiscale_backward`: shape (n,), or
            their mean, shape (). Draws are passed one at a time, each pass a copy. What can't be
            diagnosed is a loss that mixes the samples of a batch, as batch normalization in
            training mode does; a UserWarning names such layers once.
        batch: n ≥ 2 draws on the finest level, and what travels with them.
        grids: the levels.
        parameters: whose gradient is meant, such as model.parameters().
        restriction: as for `multiscale_backward`.
        own: further draws, made directly on each level, coarsest first, None where there are none:
            to test that they are distributed as restricted ones.
        budget: work units of a step, for batch sizes.
        timing: how often each level is timed; the median counts. With 0, or a clock too coarse to
            tell, no seconds are known.
        clock: in seconds.
        resamples: for confidence intervals, if there are 8 draws or more.
        seed: of dropout, sketch and resamples.

    Above 65,536 parameters gradients are kept as sketches, whose inner products have a standard
    error of about 1 %; see `telegrad.diagnostics.gradients`.

    >>> net = torch.nn.Conv2d(3, 3, 3, padding=1)
    >>> images = torch.rand(16, 3, 32, 32)
    >>> statistics = level_statistics(
    ...     lambda x: (net(x) - x).square().mean((1, 2, 3)),
    ...     images, GridHierarchy(finest=(32, 32), levels=3), net.parameters())
    >>> len(statistics.alphas), statistics.correlation[-1]
    (2, 1.0)

    Raises:
        TypeError: for a batch, grids, parameters or losses of another kind.
        ValueError: for fewer than 2 draws, a budget below one finest sample, draws that don't lie
            on the finest level or of which nothing is restricted, rules for fields that they don't
            have, parameters without a gradient, or losses of another shape.
        FloatingPointError: for a gradient that is not finite.
    """
    for name, number in (("timing", timing), ("resamples", resamples), ("seed", seed)):
        if not (is_whole(number) and number >= 0):
            raise ValueError(f"level_statistics: {name}={number!r}; needs a whole number.")
    if not isinstance(grids, GridHierarchy):
        raise TypeError(
            f"level_statistics: grids of type {type(grids).__name__}; needs a GridHierarchy."
        )
    tensors = trainable(parameters)
    batch = boarded(batch)
    n = batches.count(batch)
    _check_draws(batch, n, grids, own, budget, restriction)
    if grids.levels > 1:
        warn_of_mixing("level_statistics", losses, again=True)
    sketch = Sketch(tensors, seed)
    with _randomness_restored(tensors):
        torch.manual_seed(seed)
        on_level = [batch]
        for level in reversed(range(grids.levels - 1)):
            on_level.insert(
                0, next_coarser("level_statistics", on_level[0], grids, level, restriction)
            )
        randomness, others = StepRandomness(), StepRandomness()
        rows, separable = [], True
        for level, draws in enumerate(on_level):
            gradients, alone = draw_gradients(losses, draws, tensors, sketch, randomness, level)
            rows.append(gradients)
            if level == 0:
                with torch.no_grad(), randomness.draws(0, n):
                    together = losses(batches.copied(draws))
                rounding = 4 * torch.finfo(together.dtype).eps  # large in bfloat16
                means = together.float().mean().cpu(), alone.mean()
                separable = torch.allclose(*means, rtol=max(1e-3, rounding))
        consistency: list[float | None] = [None] * grids.levels
        for level, draws in enumerate(own or ()):
            if draws is not None:
                draws = boarded(draws)
                check_level("level_statistics", draws, grids, level, restriction)
                gradients, _ = draw_gradients(losses, draws, tensors, sketch, others, level)
                consistency[level] = _consistency(rows[level].double(), gradients.double())
        seconds = None
        if timing:
            timed = [batches.rows(draws, 0, min(n, TIMED)) for draws in on_level]
            measured = tuple(_seconds(losses, draws, tensors, timing, clock) for draws in timed)
            seconds = measured if min(measured) > 0 else None

    gram = _gram(rows)
    covariance, products = _moments(gram, gram.new_ones(1, n))
    counts = _resampled_counts(n, resamples if n >= FEWEST else 0, seed)
    resampled_covariance, resampled_products = _moments(gram, counts.to(gram.dtype))
    return LevelStatistics(
        grids=grids,
        draws=n,
        parameters=sum(p.numel() for p in tensors),
        covariance=_tuples(covariance[0]),
        mean_products=_tuples(products[0]),
        kurtosis=tuple(_kurtosis(gram, level) for level in range(grids.levels)),
        consistency=tuple(consistency),
        seconds=seconds,
        separable=separable,
        budget=budget,
        resampled_covariance=resampled_covariance,
        resampled_products=resampled_products,
    )


def _check_draws(
    batch: Any,
    n: int,
    grids: GridHierarchy,
    own: Sequence[Any] | None,
    budget: float,
    rules: Rules,
) -> None:
    """Raises ValueError unless n draws lie on the levels and `budget` buys one on the finest."""
    if n < 2:
        raise ValueError(f"level_statistics: {n} draw; a variance needs 2 or more, better 48.")
    least = grids.cost(grids.levels - 1)
    if not (is_number(budget) and budget >= least):
        raise ValueError(
            f"level_statistics: a budget of {budget} work units a step doesn't buy one sample on "
            f"the finest level; needs {least:g} or more."
        )
    finest = grids.levels - 1
    if finest:
        check_rules("level_statistics", [batch], rules)
    check_level("level_statistics", batch, grids, finest, rules, halvings=finest)
    of_levels = len(own) if isinstance(own, (list, tuple)) else 0
    if own is not None and of_levels != grids.levels:
        raise ValueError(
            f"level_statistics: own draws for {of_levels} levels of {grids.levels}; pass a list "
            f"with a batch or None for each, coarsest first."
        )


@contextmanager
def _randomness_restored(parameters: Sequence[Tensor]) -> Iterator[None]:
    """The random state of the CPU, and of the parameters' GPUs, is the same after as before."""
    gpus = {p.device.index or 0 for p in parameters if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(gpus)):
        yield


def _gram(rows: Sequence[Tensor]) -> Tensor:
    """⟨g_l(ω_i), g_m(ω_j)⟩ as (levels, n, levels, n), in double precision."""
    stacked = torch.cat(list(rows)).double()
    n = len(rows[0])
    return (stacked @ stacked.T).reshape(len(rows), n, len(rows), n)


def _resampled_counts(n: int, resamples: int, seed: int) -> Tensor:
    """How often each of n draws is in each resample of n draws, (resamples, n)."""
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randint(n, (resamples, n), generator=generator, device="cpu")
    return torch.zeros_like(picked).scatter_add_(1, picked, torch.ones_like(picked))


def _moments(gram: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Covariances and mean products, (resamples, levels, levels), of draws that count c_i times.

    Σ_{i,j} c_i c_j ⟨x_i, y_j⟩ and Σ_i c_i ⟨x_i, y_i⟩ give tr Cov; for the product of the means the
    pairs of a draw with itself are left out, in resamples too, so that it is unbiased.
    """
    n = gram.shape[1]
    one_sum = torch.einsum("ri,limj->rlmj", counts, gram)
    pairs = torch.einsum("rlmj,rj->rlm", one_sum, counts)
    itself = gram.diagonal(dim1=1, dim2=3)  # (levels, levels, n)
    once = torch.einsum("ri,lmi->rlm", counts, itself)
    twice = torch.einsum("ri,lmi->rlm", counts**2, itself)
    different = n**2 - (counts**2).sum(1)
    # A resample of one draw alone has no pairs; for 8 draws or more that does not happen.
    products = (pairs - twice) / different.clamp(min=1)[:, None, None]
    return (once - pairs / n) / (n - 1), products


def _kurtosis(gram: Tensor, level: int) -> float:
    """E‖x − x̄‖⁴/(E‖x − x̄‖²)² of the correction; 1 if it does not vary."""
    h = gram[level, :, level]
    if level:
        coupled = gram[level, :, level - 1]
        h = h - coupled - coupled.T + gram[level - 1, :, level - 1]
    squares = (h.diagonal() - 2 * h.mean(1) + h.mean()).clamp(min=0)
    mean = squares.mean()
    return float(squares.square().mean() / mean**2) if mean > 0 else 1.0


def _consistency(restricted: Tensor, own: Tensor) -> float:
    """‖difference of the means‖ over three standard errors of it."""
    difference = (restricted.mean(0) - own.mean(0)).norm()
    samples = (restricted, own)
    squared = sum(float(x.var(0, correction=0).sum()) / max(len(x) - 1, 1) for x in samples)
    if squared == 0:
        return 0.0 if difference == 0 else math.inf
    return float(difference) / (3 * math.sqrt(squared))


def _seconds(
    losses: Callable[[Any], Tensor],
    batch: Any,
    parameters: Sequence[Tensor],
    repetitions: int,
    clock: Callable[[], float],
) -> float:
    """Seconds per sample of a forward and backward pass: median, after one to warm up."""
    n, times = batches.count(batch), []
    for _ in range(repetitions + 1):
        samples = batches.copied(batch)
        _wait(parameters)
        start = clock()
        randomness = StepRandomness()
        with torch.enable_grad(), randomness.draws(0, n):
            total = losses(samples).sum()
        with randomness.again():
            torch.autograd.grad(total, parameters, allow_unused=True)
        _wait(parameters)
        times.append((clock() - start) / n)
    return median(times[1:])


def _wait(parameters: Sequence[Tensor]) -> None:
    """Until the GPU has done its work, so that the clock counts it."""
    if any(p.is_cuda for p in parameters):
        torch.cuda.synchronize()


def _tuples(matrix: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
