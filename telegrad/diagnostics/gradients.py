"""Gradients of single draws on one level, as rows of a matrix.

All that must be known of a telescoping sum are inner products of the gradients of single draws.
A linear map that keeps inner products therefore serves as well as the gradients themselves, and for
large networks `Sketch` is one: with it a row has 16,384 numbers, however many parameters there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from telegrad.mge import batches
from telegrad.mge.coupling import StepRandomness

EXACT = 2**16
"""Up to this many parameters a gradient is kept as it is."""

BUCKETS = 2**14
"""Numbers in the sketch of a larger one."""


class Sketch:
    """A linear map S from gradients to rows, with ⟨Sx, Sy⟩ ≈ ⟨x, y⟩: a count sketch.

    Each parameter j has a random bucket h_j and a random sign s_j; (Sx)_k = Σ_{h_j = k} s_j x_j.
    Then E⟨Sx, Sy⟩ = ⟨x, y⟩, with a standard deviation of at most √(2/d)·‖x‖·‖y‖ for d buckets:
    1.1 % for 16,384. As S is linear this holds for means and corrections too. With at most `exact`
    parameters S is the identity. A complex parameter counts as two, its real and imaginary part.

    Args:
        parameters: the tensors that gradients are of.
        seed: of buckets and signs.
        exact: see above.
        buckets: d, the length of a row.

    Source: Charikar, Chen, Farach-Colton, *Finding frequent items in data streams*, 2002.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        seed: int = 0,
        exact: int = EXACT,
        buckets: int = BUCKETS,
    ) -> None:
        self.sizes = [p.numel() * (2 if p.is_complex() else 1) for p in parameters]
        self.exact = sum(self.sizes) <= exact
        self.length = sum(self.sizes) if self.exact else buckets
        self.maps: list[tuple[Tensor, Tensor]] = []
        if not self.exact:
            generator = torch.Generator().manual_seed(seed)
            for p, size in zip(parameters, self.sizes, strict=True):
                bucket = torch.randint(buckets, (size,), generator=generator)
                sign = 2 * torch.randint(2, (size,), generator=generator) - 1
                self.maps.append((bucket.to(p.device), sign.to(p.device, torch.int8)))

    def __call__(self, gradients: Sequence[Tensor | None]) -> Tensor:
        """The row (d,) of one gradient, float32 on the CPU; None stands for zeros."""
        if self.exact:
            parts = [
                torch.zeros(size) if g is None else _numbers(g).cpu()
                for g, size in zip(gradients, self.sizes, strict=True)
            ]
            return torch.cat(parts)
        device = self.maps[0][0].device
        row = torch.zeros(self.length, device=device)
        for g, (bucket, sign) in zip(gradients, self.maps, strict=True):
            if g is not None:
                row.index_add_(0, bucket.to(device), (_numbers(g) * sign).to(device))
        return row.cpu()


def _numbers(g: Tensor) -> Tensor:
    """A gradient as float32 numbers in one row, real and imaginary parts side by side."""
    g = g.detach().resolve_conj()
    return (torch.view_as_real(g) if g.is_complex() else g).flatten().float()


def trainable(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Those that require a gradient.

    Raises:
        TypeError: for anything but several tensors.
        ValueError: if there are none.
    """
    several = isinstance(parameters, Iterable) and not isinstance(parameters, (Tensor, str))
    tensors = list(parameters) if several else []
    if not (several and all(isinstance(p, Tensor) for p in tensors)):
        raise TypeError(
            f"level_statistics: parameters of type {type(parameters).__name__}; needs several "
            f"tensors, such as model.parameters()."
        )
    with_gradient = list({id(p): p for p in tensors if p.requires_grad}.values())  # tied ones once
    if not with_gradient:
        raise ValueError("level_statistics: none of the parameters requires a gradient.")
    return with_gradient


def draw_gradients(
    losses: Callable[[Any], Tensor],
    batch: Any,
    parameters: Sequence[Tensor],
    sketch: Sketch,
    randomness: StepRandomness,
    level: int,
) -> tuple[Tensor, Tensor]:
    """The gradient of each draw of a batch on one level, one forward and backward pass each.

    Nothing is added to `.grad`. Parameters that a loss does not depend on have the gradient 0.

    Returns:
        rows (n, d) and losses (n,), both on the CPU.

    Raises:
        ValueError: if a loss is not of one draw, or does not depend on any parameter.
        FloatingPointError: if a gradient is not finite.
    """
    rows, values, unused = [], [], True
    for number in range(batches.count(batch)):
        with torch.enable_grad(), randomness.draws(number, 1):
            value = losses(batches.copied(batches.rows(batch, number, number + 1)))
        if not isinstance(value, Tensor) or value.is_complex():
            got = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(
                f"level_statistics: losses returned {got}; needs a tensor of real numbers, one "
                f"loss per draw."
            )
        if value.shape not in ((), (1,)):
            raise ValueError(
                f"level_statistics: losses returned the shape {tuple(value.shape)} for one draw; "
                f"needs (1,), one loss per draw, or their mean, ()."
            )
        if not value.requires_grad:
            raise ValueError(_INDEPENDENT)
        one = torch.ones_like(value)
        with randomness.again():
            gradients = torch.autograd.grad(value, parameters, one, allow_unused=True)
        unused = unused and all(g is None for g in gradients)
        row = sketch(gradients)
        if not row.isfinite().all():
            raise FloatingPointError(
                f"level_statistics: the gradient of draw {number} on level {level} is not finite."
            )
        rows.append(row)
        values.append(value.detach().float().reshape(()).cpu())
    if unused:
        raise ValueError(_INDEPENDENT)
    return torch.stack(rows), torch.stack(values)


_INDEPENDENT = (
    "level_statistics: the loss does not depend on any of the parameters; give those of the model "
    "that `losses` calls."
)
