"""The gradient of one step: draws, telescoping sum, the mean of all processes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from telegrad.mge.estimator import Estimate, multiscale_backward
from telegrad.tasks import Draw, Objective
from telegrad.training.cuda_graphs import one_step
from telegrad.training.draws import draw_shells, rules_of
from telegrad.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LEAST_SCALE = 1.0
"""Of losses in half precision; a gradient that overflows below it would do so in any."""


OUT_OF_MEMORY = "can't allocate memory", "not enough memory"
"""In torch's messages of a CPU, on Linux and on others."""


def gradient(fabric: Fabric, state: TrainingState, objective: Objective) -> Estimate:
    """Adds the gradient of one step to `.grad`, averaged over all processes.

    Batch sizes are those of all processes together; each takes an equal part on every level. The
    mean of their estimates is the estimate of all draws, since its weights go as 1/N_l. They
    synchronize once, after the last pass, which is the cheapest: nothing is lost by waiting for it.

    Raises:
        MemoryError: when a pass needs more memory than there is; names level and batch size.
    """
    world, schedule = fabric.world_size, state.schedule
    _, stage = schedule.at(state.progress.iteration)
    sizes = tuple(n // world for n in stage.batch_sizes)
    shells = draw_shells(fabric, state, objective.task)
    last_pass: list[tuple[int, ...]] = []

    def losses(draw: Draw) -> Tensor:
        last_pass[:] = [tuple(draw["clean"].shape)]
        return objective.losses(state.network, draw)

    state.optimizer.zero_grad(set_to_none=True)
    alone = fabric.no_backward_sync(state.network) if world > 1 else nullcontext()  # type: ignore[arg-type]
    try:
        with alone, one_step():
            estimate = multiscale_backward(
                losses,
                shells,
                schedule.stage_grids(stage),
                sizes,
                form=schedule.form,
                alphas=stage.alphas,
                restriction=rules_of(objective.task, shells.parts),
                backward=fabric.backward,
                accumulate=state.update.accumulate,
            )
    except RuntimeError as error:
        on_a_cpu = any(text in str(error) for text in OUT_OF_MEMORY)
        if not (on_a_cpu or isinstance(error, torch.OutOfMemoryError)):
            raise
        n, _, height, width = last_pass[0]
        raise MemoryError(
            f"out of memory at iteration {state.progress.iteration + 1}, in the pass of {n} images "
            f"of {height}×{width}; batch_sizes={list(stage.batch_sizes)}, coarsest first, up to "
            f"level {stage.finest}. Lower that level's batch size, size, or the channels of the "
            f"network, or raise accumulate. What was saved is kept."
        ) from error
    return averaged(fabric, state, estimate) if world > 1 else estimate


def averaged(fabric: Fabric, state: TrainingState, estimate: Estimate) -> Estimate:
    """The mean of gradient and loss over all processes, in one exchange."""
    gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
    real = [torch.view_as_real(g.resolve_conj()) if g.is_complex() else g for g in gradients]
    flat = torch.cat([estimate.loss.reshape(1).float(), *(g.flatten() for g in real)])
    mean_of_all = fabric.all_reduce(flat, reduce_op="mean")
    assert isinstance(mean_of_all, Tensor)
    loss, *parts = mean_of_all.split([1, *(g.numel() for g in real)])
    for own, numbers, part in zip(gradients, real, parts, strict=True):
        mean = part.view_as(numbers)
        own.copy_(torch.complex(*mean.unbind(-1)) if own.is_complex() else mean)
    work_units = estimate.work_units * fabric.world_size
    return replace(estimate, loss=loss.squeeze(0), work_units=work_units)


def clip(state: TrainingState, norm: Tensor) -> None:
    """Shortens the gradient of this norm to the largest that it may have, where there is one.

    In half precision gradients have the losses' scale, and so has `norm`: it is taken back first.
    Fabric's own clipping does not, for optimizers that are fused.
    """
    largest = state.update.clip
    if largest is None:
        return
    if state.scaler is not None:
        norm = norm / state.scaler.get_scale()
        state.scaler.unscale_(getattr(state.optimizer, "optimizer", state.optimizer))
    torch.nn.utils.clip_grads_with_norm_(state.network.parameters(), largest, norm)


def lowers_scale(state: TrainingState) -> bool:
    """Halves the scale of the losses, where half precision has one and the gradient overflowed.

    That is how the scale is found: the update is left out.
    """
    if state.scaler is None or state.scaler.get_scale() < LEAST_SCALE:
        return False
    state.optimizer.step()  # the scaler finds the same, and makes no update
    return True


def gradient_norm(state: TrainingState) -> Tensor:
    """Norm of the whole gradient, not waited for."""
    trained = (p for group in state.optimizer.param_groups for p in group["params"])
    gradients = [p.grad for p in trained if p.grad is not None]
    half = (torch.float16, torch.bfloat16)  # in which the norm would overflow, or have 3 digits
    return torch.nn.utils.get_total_norm([g.float() if g.dtype in half else g for g in gradients])
