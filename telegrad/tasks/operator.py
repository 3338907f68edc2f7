"""An operator of deepinv, described by plain data, as it is built for images of one size."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from telegrad.dotted import imported, is_class
from telegrad.errors import did_you_mean, reason

Back = Literal["adjoint", "pseudoinverse"]
"""How measurements become an image: Aᵀy, or the A⁺y of least squares."""

ROOM = "deepinv.physics"
FILLED_IN = ("img_size", "img_width")
NOT_TAKEN = {
    **dict.fromkeys(FILLED_IN, "it is filled in for each level"),
    "device": "operators follow the images",
    "rng": "operators are built from the task's seed",
    "noise_model": "the noise is the task's: --noise",
    "sensor_model": "it is no plain data; derive a class of your own",
}
KERNELS = ("gaussian_blur", "bilinear_filter", "bicubic_filter", "sinc_filter")
"""Functions of deepinv that make a kernel of numbers; nothing else that a file names is called."""


@dataclass(frozen=True, eq=False)
class Operator:
    """A linear or nonlinear operator A, fixed: the same in every call.

    Attributes:
        physics: deepinv's module.
        size: (c, h, w) of the images that it is for.
        measured: shape of the measurements of one image.
    """

    physics: Any
    size: tuple[int, int, int]
    measured: tuple[int, ...]

    @property
    def keeps_shape(self) -> bool:
        return self.measured == self.size

    @property
    def measures_images(self) -> bool:
        """Whether measurements are images of the same channels."""
        return len(self.measured) == 3 and self.measured[0] == self.size[0] and all(self.measured)

    @property
    def factor(self) -> int | None:
        """How many times smaller measured images are than the images, a side; None for others."""
        (_, h, w), y = self.size, self.measured
        if not self.measures_images or h % y[1] or w % y[2]:
            return None
        return h // y[1] if h // y[1] == w // y[2] else None

    def measure(self, images: Tensor) -> Tensor:
        """A x of images (n, c, h, w), without noise."""
        return self.physics.A(images.contiguous()).detach().to(images.dtype)

    def back(self, measurements: Tensor, by: Back) -> Tensor:
        """The images (n, c, h, w) that the network is given for measurements of another shape."""
        name = "A_adjoint" if by == "adjoint" else "A_dagger"
        return getattr(self.physics, name)(measurements).detach().to(measurements.dtype)


def operator_class(path: str) -> type:
    """The class of a path: one of deepinv.physics by its name, or any derived from its `Physics`.

    Raises:
        ValueError: if deepinv is missing, or it is something else. Nothing is called.
    """
    try:
        room = imported(ROOM)
    except ModuleNotFoundError as error:
        raise ValueError("Physics: needs deepinv: pip install 'telegrad[deepinv]'.") from error
    full = path if "." in path else f"{ROOM}.{path}"
    own = [name for name in dir(room) if is_class(getattr(room, name), room.Physics)]
    try:
        what = imported(full)
    except Exception as error:  # a module that is imported can fail in any way
        guess = did_you_mean(path.rpartition(".")[2], own) or "."
        raise ValueError(f"Physics: physics={path}: {reason(error)}{guess}") from error
    if not is_class(what, room.Physics):
        raise ValueError(
            f"Physics: physics={path}: needs a class derived from deepinv.physics.Physics, such as "
            f"deepinv.physics.Inpainting."
        )
    return what


def check_arguments(kind: type, arguments: Mapping[str, Any]) -> None:
    """Raises ValueError unless the class, or one that it is derived from, takes all of these."""
    known = {
        p.name
        for base in kind.__mro__
        if "__init__" in vars(base)
        for p in inspect.signature(vars(base)["__init__"]).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    } - {"self", "args"}
    for name, value in arguments.items():
        said = f"Physics: {kind.__name__}: --physics.{name}"
        if name in NOT_TAKEN:
            raise ValueError(f"{said} is not to be given; {NOT_TAKEN[name]}.")
        if name not in known:
            there = ", ".join(sorted(known - NOT_TAKEN.keys()))
            raise ValueError(
                f"{said}: no such argument{did_you_mean(name, known) or f'; there are {there}.'}"
            )
        _as_argument(f"{said}", value)


@lru_cache(maxsize=32)
def operator_for(
    kind: type, arguments: str, back: Back, seed: int, size: tuple[int, int, int], device: str
) -> Operator:
    """The operator for images of one size, built once: what is random in it comes from the seed.

    Args:
        kind: derived from `deepinv.physics.Physics`.
        arguments: of its constructor, as JSON.
        back: how measurements of another shape become images.
        seed: of what is random when it is built, on every machine and device alike.
        size: (c, h, w) of the images.
        device: where it works.

    Raises:
        ValueError: if it can't be built, is random in every call, adds noise of its own, or
            measures what there is no use for.
    """
    named = {n: _as_argument(n, v) for n, v in json.loads(arguments).items()}
    c, h, w = size
    parameters = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    filled = {n: v for n, v in (("img_size", size), ("img_width", w)) if n in parameters}
    said = f"Physics: {kind.__name__} for images of {c}×{h}×{w}"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        images = torch.rand(2, c, h, w)
        try:
            physics = kind(**named, **filled).to(device)
            physics.requires_grad_(False)
            first, second = (physics.A(images.to(device)) for _ in range(2))
        except Exception as error:  # an operator can fail in any way
            raise ValueError(f"{said}: {reason(error)}.") from error
        _check_fixed(said, physics, first, second)
        operator = Operator(physics, size, tuple(first.shape[1:]))
        if not operator.keeps_shape:
            _check_back(said, operator, first, back)
    return operator


def _check_fixed(said: str, physics: Any, first: Any, second: Any) -> None:
    if type(getattr(physics, "noise_model", None)).__name__ not in ("ZeroNoise", "NoneType"):
        raise ValueError(
            f"{said}: has noise of its own ({type(physics.noise_model).__name__}), which can't be "
            f"carried to other levels; give it none, and say --noise."
        )
    real = isinstance(first, Tensor) and first.is_floating_point() and first.shape[:1] == (2,)
    if not (real and first.isfinite().all()):
        got = f"{first.dtype} of {tuple(first.shape)}" if isinstance(first, Tensor) else type(first)
        raise ValueError(
            f"{said}: measures {got} of 2 images; needs finite real numbers, images first."
        )
    if first.shape != second.shape or not torch.equal(first, second):
        raise ValueError(
            f"{said}: is random in every call, so that levels would see different ones; needs an "
            f"operator that is fixed once it is built."
        )


def _check_back(said: str, operator: Operator, measurements: Tensor, back: Back) -> None:
    try:
        shape = tuple(operator.back(measurements, back).shape[1:])
    except Exception as error:  # not every operator has one
        raise ValueError(
            f"{said}: measures {operator.measured}, and has no {back} to make images of them "
            f"({reason(error)})."
        ) from error
    if shape != operator.size:
        raise ValueError(f"{said}: its {back} has the shape {shape}; needs that of the images.")


def _as_argument(said: str, value: Any) -> Any:
    """Lists of lists of numbers as tensors, (1, 1, h, w) for a table; kernels by their names."""
    if isinstance(value, Mapping):
        return _kernel(said, value)
    if not isinstance(value, (list, tuple)):
        return value
    if not any(isinstance(part, (list, tuple)) for part in value):
        return tuple(value)
    try:
        table = torch.tensor(value, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{said}: needs numbers in rows of one length ({error}).") from error
    return table[None, None] if table.ndim == 2 else table


def _kernel(said: str, value: Mapping[str, Any]) -> Tensor:
    (name, arguments), *more = [*value.items()] or [("", None)]
    if more or name not in KERNELS or not isinstance(arguments, Mapping):
        raise ValueError(
            f"{said}={dict(value)}: needs a kernel with its arguments, such as "
            f'{{"gaussian_blur": {{"sigma": 2}}}}; there are {", ".join(KERNELS)}.'
        )
    plain = {n: tuple(v) if isinstance(v, list) else v for n, v in arguments.items()}
    if isinstance(plain.get("sigma"), (int, float)):
        plain["sigma"] = (plain["sigma"],) * 2  # one number would be a kernel on a line
    try:
        kernel = imported(f"{ROOM}.functional.{name}")(**plain)
        return kernel.view(1, 1, *kernel.shape[-2:])
    except Exception as error:  # whatever is wrong with the arguments
        raise ValueError(f"{said}: {name}: {reason(error)}.") from error
