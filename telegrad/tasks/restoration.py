"""What the field's tasks share: images in [0, 1], in color or grey, trained on L1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from telegrad.options import option
from telegrad.tasks.base import Task, check_images

Span = float | str | list[float] | tuple[float, ...]
"""A number, or two ends of a range: 25, "0..50", (0, 50)."""


@dataclass(frozen=True, kw_only=True)
class RestorationTask(Task):
    """A task as the field has it: see `docs/conventions.md` for where each default comes from."""

    color: Literal["rgb", "grey"] = option("rgb", "of the images that the network sees")
    turns: bool = option(True, "whether training images are flipped and turned by 90° at random")

    @property
    def channels(self) -> int:
        return 1 if self.color == "grey" else 3


def ends(name: str, value: Span, *, least: float, most: float) -> tuple[float, float]:
    """The two ends of a range; one number is both.

    >>> ends("sigma", "0..50", least=0, most=255), ends("sigma", 25, least=0, most=255)
    ((0.0, 50.0), (25.0, 25.0))

    Raises:
        ValueError: for anything else, or a number outside `least` … `most`.
    """
    parts: Any = value.split("..") if isinstance(value, str) else value
    try:
        parts = list(parts) if isinstance(parts, (list, tuple)) else [parts]
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    if not 1 <= len(numbers) <= 2 or any(isinstance(part, bool) for part in parts):
        raise ValueError(f"{name}={value!r}: needs a number, or two as {least:g}..{most:g}.")
    low, high = numbers[0], numbers[-1]
    if not (math.isfinite(low) and math.isfinite(high) and least <= low <= high <= most):
        raise ValueError(
            f"{name}={value!r}: needs numbers between {least:g} and {most:g}, the lower one first."
        )
    return low, high


def said(span: tuple[float, float]) -> str:
    """Both ends as they stand in names: 25, 0-50."""
    return "-".join(f"{end:g}" for end in dict.fromkeys(span))


def white_noise(clean: Tensor, generator: torch.Generator, name: str) -> Tensor:
    """Gaussian noise of unit variance, of the images' shape.

    Raises:
        ValueError: for images of another shape, or on another device than the generator.
    """
    check_random(name, clean, generator)
    noise = torch.empty_like(clean)
    as_it_lies = noise if noise.is_contiguous() else noise.permute(0, 2, 3, 1)  # 8 times faster
    as_it_lies.normal_(generator=generator)
    return noise


def check_random(name: str, clean: Tensor, generator: torch.Generator) -> None:
    """Raises ValueError unless these are images (n, c, h, w), on the generator's device."""
    check_images(name, clean)
    if generator.device.type != clean.device.type:
        raise ValueError(
            f"{name}: images on {clean.device}, generator on {generator.device}; needs both on one "
            f"device."
        )


def check_choice(task: Task, choice: str, owners: Mapping[str, str]) -> None:
    """Raises ValueError if an option is given that belongs to another choice than the task's.

    Args:
        task: whose options they are, None where they were not given.
        choice: the option that chooses, such as `blur`.
        owners: the choice that each option belongs to, by the option's name.
    """
    chosen = getattr(task, choice)
    for name, owner in owners.items():
        value = getattr(task, name)
        if value is not None and owner != chosen:
            raise ValueError(
                f"{name}={value!r}: belongs to {choice}={owner}, and this is {choice}={chosen}; "
                f"say --{choice} {owner}, or leave {name} out."
            )


def uniform(
    clean: Tensor, span: tuple[float, float], generator: torch.Generator, *shape: int
) -> Tensor:
    """Numbers (n, *shape), uniform in a range, one draw for each of n images."""
    drawn = torch.rand((len(clean), *shape), generator=generator, device=clean.device)
    return span[0] + (span[1] - span[0]) * drawn
