"""Directions of the same singular vectors, as long as each other: the matrices of Muon's steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the iteration by which singular values are brought near 1 (Jordan et al.)."""

RMS = 0.2
"""Root mean square of a matrix's update at a learning rate of 1, about AdamW's (Liu et al.)."""

SMALLEST = 4, 8
"""Rows and columns of the smallest matrix that is made orthogonal."""


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is a matrix that Muon makes orthogonal steps of."""
    if weight.ndim < 2 or (weight.ndim > 2 and weight.shape[1] == 1):
        return False
    rows = weight.shape[0]
    wide = rows >= SMALLEST[0] and weight.numel() >= rows * SMALLEST[1]
    return wide and not weight.is_complex()


def orthogonal_updates(directions: Sequence[Tensor], iterations: int) -> list[Tensor]:
    """What to go along at a learning rate of 1 for weights (out, in, ...) with these directions.

    Those of a shape are made orthogonal together, which in small networks is most of what it costs.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for k, x in enumerate(directions):
        alike.setdefault((*x.flatten(1).shape, x.dtype, x.device), []).append(k)
    updates = list(directions)
    for places in alike.values():
        matrices = torch.stack([directions[k].flatten(1) for k in places])
        scale = RMS * math.sqrt(max(matrices.shape[1:]))
        lengthened = orthogonal(matrices, iterations).contiguous().mul_(scale)
        for k, update in zip(places, lengthened, strict=True):
            updates[k] = update.reshape(directions[k].shape)
    return updates


def orthogonal(matrices: Tensor, iterations: int) -> Tensor:
    """Matrices (n, rows, columns) with the same singular vectors, and singular values near 1.

    Five iterations bring those above a 500th of a matrix's norm to between about 0.7 and 1.2, three
    those above a 40th. A matrix of zeros stays as it is. On a GPU numbers of 32 bits are multiplied
    in bfloat16, which is exact enough (Jordan et al.).
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT.contiguous() if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if x.is_cuda and x.dtype == torch.float32:
        x = x.bfloat16()
    for _ in range(iterations):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
