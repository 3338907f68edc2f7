"""Anybody's loss, as one number per sample."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def per_sample(loss: Callable[[Tensor, Tensor], Tensor], restored: Tensor, clean: Tensor) -> Tensor:
    """The loss of each sample, shape (n,).

    Args:
        loss: called as loss(restored, clean); returns shape (n,), or the images' own shape, of
            which the mean over each sample is taken, as of `torch.nn.L1Loss(reduction="none")`.
        restored, clean: images (n, c, h, w).

    Raises:
        ValueError: for anything else, such as the mean over all samples.
    """
    values = loss(restored, clean)
    if isinstance(values, Tensor) and values.shape == restored.shape:
        return values.flatten(1).mean(1)
    if isinstance(values, Tensor) and values.shape == restored.shape[:1]:
        return values
    name = getattr(loss, "__name__", type(loss).__name__)
    got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    raise ValueError(
        f"{name}: returned {got} for {len(restored)} images; needs one loss per sample, "
        f"({len(restored)},). Return that; torch's own losses do with reduction='none'."
    )
