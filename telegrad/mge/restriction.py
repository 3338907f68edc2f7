"""How a field is carried to the next coarser mesh.

What "the same field on the coarser mesh" means depends on the kind of field: an image is averaged,
white noise is averaged and rescaled so that it stays white noise of unit variance, a mask stays a
mask, and times and labels have no mesh at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from telegrad.mge.batches import bare, map_fields
from telegrad.mge.passengers import boarded


def averaging(u: Tensor) -> Tensor:
    """An image-like field (…, h, w): the mean of each 2×2 block."""
    return F.avg_pool2d(u, 2)


def injection(u: Tensor) -> Tensor:
    """Any field (…, h, w): every second pixel. Keeps white noise white, and aliases images."""
    return u[..., ::2, ::2]


def white_noise(z: Tensor) -> Tensor:
    """White noise (…, h, w) of unit variance: the sum of each 2×2 block, halved.

    The mean of four independent unit normals has the standard deviation 1/2; twice the mean is
    again white noise of unit variance. Its correlation with each of its four fine pixels is 1/2.

    >>> import torch
    >>> z = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    >>> round(white_noise(z).std().item(), 2), round(averaging(z).std().item(), 2)
    (1.0, 0.5)
    """
    return 2 * F.avg_pool2d(z, 2)


def mask(m: Tensor) -> Tensor:
    """A mask (…, h, w) of zeros and ones: one where at least half of the 2×2 block is one."""
    return (F.avg_pool2d(m.float(), 2) >= 0.5).to(m.dtype)


def unchanged(x: Tensor) -> Tensor:
    """A field without a mesh: times, labels, weights."""
    return x


RESTRICTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    rule.__name__: rule for rule in (averaging, injection, white_noise, mask, unchanged)
}

Restriction = str | Callable[[Tensor], Tensor]
"""A name in `RESTRICTIONS`, or a function from a field to the same field on the coarser level."""

Rules = Restriction | Mapping[Any, Restriction]
"""One rule for a whole batch, or one for each of its fields; see `restrict`."""


def restrict(batch: Any, rules: Rules = "averaging") -> Any:
    """A batch on the next coarser level, each of its fields restricted by its own rule.

    Args:
        batch: a tensor, or a tuple, list or dictionary of tensors, samples first. What else is in
            it (file names, None) stays as it is.
        rules: one rule for all fields of four dimensions (n, c, h, w), everything else being left
            unchanged; or a mapping from a field's key (or index) to its rule, fields it does not
            name being restricted by averaging if they have four dimensions. A function also holds
            for a bare tensor of other dimensions. What it does to its field in place is not seen
            outside.

    >>> import torch
    >>> batch = {"image": torch.ones(2, 3, 8, 8), "label": torch.tensor([1, 7])}
    >>> coarse = restrict(batch)
    >>> coarse["image"].shape, coarse["label"]
    (torch.Size([2, 3, 4, 4]), tensor([1, 7]))

    Raises:
        ValueError: for an unknown rule, or a field whose height or width is odd.
        TypeError: if a field of integers is to be averaged, or a function returns no tensor of its
            field's samples.
    """
    return bare(restrict_fields(boarded(batch), rules))


def restrict_fields(batch: Any, rules: Rules) -> Any:
    """`restrict`, for a batch whose passengers have boarded."""

    def coarse(key: Any, field: Tensor) -> Tensor:
        function = rule_of(rules, key, field)
        where = "" if key is None else f" field {key!r}"
        if function is unchanged:
            return field
        if is_own(function):
            restricted = function(field.clone())
            if isinstance(restricted, Tensor) and restricted.shape[:1] == field.shape[:1]:
                return restricted
            tensor = isinstance(restricted, Tensor)
            got = tuple(restricted.shape) if tensor else type(restricted).__name__
            raise TypeError(
                f"restrict:{where}: the function that restricts it returned {got}; needs a tensor "
                f"of the samples that it got, {tuple(field.shape)}."
            )
        sides = field.shape[-2:]
        if field.ndim < 2 or any(side % 2 or not side for side in sides):
            raise ValueError(
                f"restrict:{where} of shape {tuple(field.shape)} can't be halved; height and "
                f"width must be even. A field without a mesh needs the rule 'unchanged'."
            )
        if function in (averaging, white_noise) and not field.is_floating_point():
            raise TypeError(
                f"restrict:{where} of type {field.dtype} can't be averaged; convert it to floating "
                f"point, or choose rules={{{key!r}: 'injection'}} (label maps) or 'mask'."
            )
        if function in (averaging, white_noise, mask) and field.ndim not in (3, 4):
            raise ValueError(
                f"restrict:{where} of shape {tuple(field.shape)} can't be averaged; needs "
                f"(n, c, h, w) or (n, h, w)."
            )
        return function(field)

    return map_fields(coarse, batch)


def rule_of(rules: Rules, key: Any, field: Tensor) -> Callable[[Tensor], Tensor]:
    """The function that restricts a field: `unchanged` if nothing does.

    Raises:
        ValueError: for an unknown rule.
    """
    rule = rules.get(key) if isinstance(rules, Mapping) else None
    if rule is None:
        whole = "averaging" if isinstance(rules, Mapping) else rules
        alone = key is None and callable(whole)
        rule = whole if field.ndim == 4 or alone else unchanged
    if callable(rule):
        return rule
    if not isinstance(rule, str) or rule not in RESTRICTIONS:
        raise ValueError(
            f"restrict: no rule {rule!r}; rules are {', '.join(RESTRICTIONS)}, or a function."
        )
    return RESTRICTIONS[rule]


def is_own(function: Callable[[Tensor], Tensor]) -> bool:
    """Whether it is a function of the user's, of which nothing is known until it has run."""
    return function not in RESTRICTIONS.values()
