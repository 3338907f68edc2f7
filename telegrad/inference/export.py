"""A trained model as a file for other programs, written once it is known to do the same."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from telegrad.atomic import check_room, write_whole
from telegrad.errors import did_you_mean
from telegrad.inference.export_program import Made, onnx_file, torch_file
from telegrad.inference.export_weights import safetensors_file, spandrel_file
from telegrad.inference.model import Model
from telegrad.inference.unit_range import OnUnitRange

TOLERANCE = 1e-4
"""By which a file may differ from its model, on [0, 1] in float32."""


@dataclass(frozen=True)
class Format:
    """A kind of file that models are exported to.

    Attributes:
        make: the file of a function, for a name that ends so, of a fixed size or of any.
        suffixes: of the file's name.
        packages: that it needs.
        extra: of this distribution, that has them.
        whole: whether the file computes by itself, so that its size can be fixed.
    """

    make: Callable[[OnUnitRange, str, int | None], Made]
    suffixes: tuple[str, ...]
    packages: tuple[str, ...] = ()
    extra: str = "train"
    whole: bool = False


FORMATS = {
    "safetensors": Format(safetensors_file, (".safetensors",), ("safetensors",)),
    "spandrel": Format(spandrel_file, (".safetensors", ".pth"), ("spandrel",), "zoo"),
    "onnx": Format(
        onnx_file, (".onnx",), ("onnx", "onnxscript", "onnxruntime"), "export", whole=True
    ),
    "torch": Format(torch_file, (".pt2",), whole=True),
}


@dataclass(frozen=True)
class Exported:
    """A file that was exported.

    Attributes:
        file: that was written.
        unit: multiples of it are the heights and widths of its images.
        takes_sigma: whether it takes noise levels beside images.
        shapes: of the images on which it was compared with the model.
        difference: the largest one from the model, on [0, 1].
    """

    file: Path
    unit: int
    takes_sigma: bool
    shapes: tuple[tuple[int, ...], ...]
    difference: float


def export_model(
    model: Model,
    to: str,
    out: str | Path,
    *,
    size: int | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes a model in another format. The file is compared with the model on three sizes first.

    Args:
        model: trained, on the CPU.
        to: `safetensors`: the weights alone, under the names of the network's own class.
            `spandrel`: weights that spandrel recognizes. `onnx`, `torch` (`torch.export`): the
            whole as a function of images in [0, 1], see `OnUnitRange`.
        out: the file; its suffix is that of the format.
        size: height and width of images, for a network that can't be exported for all sizes.
        overwrite: whether a file that is there is replaced.

    Raises:
        ValueError: for a format that is not known, lacks its packages or can't hold the network, a
            file that differs from the model by more than 1e-4, or a size that can't be.
        FileExistsError: if `out` is there and `overwrite` is false.
        OSError: if it can't be written.
    """
    target = check_export(to, out, size=size, overwrite=overwrite)
    if model.device.type != "cpu":
        raise ValueError(f"export: a model on {model.device}; needs one on the CPU.")
    function = OnUnitRange(model).eval()
    if size is not None and size % function.unit:
        raise ValueError(
            f"export: size={size}; the network needs a multiple of {function.unit} pixels."
        )
    made = FORMATS[to].make(function, target.suffix, size)
    shapes, difference = _compared(function, made)
    if not difference <= TOLERANCE:
        raise ValueError(
            f"export: as {to} the network differs from the model by {difference:.2g} on [0, 1], "
            f"more than {TOLERANCE:g}; nothing was written. Use another format: --to."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, made.content)
    return Exported(target, made.unit, function.takes_sigma, shapes, difference)


def check_export(
    to: str, out: str | Path, *, size: int | None = None, overwrite: bool = False
) -> Path:
    """The file to write, if that can be done as far as one knows without the model.

    Raises:
        ValueError, OSError: see `export_model`.
    """
    if to not in FORMATS:
        guess = did_you_mean(to, FORMATS) or "."
        raise ValueError(f"export: to={to}; needs one of {', '.join(FORMATS)}{guess}")
    chosen, target = FORMATS[to], Path(out)
    missing = [name for name in chosen.packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"export: to={to} needs {', '.join(missing)}: pip install 'telegrad[{chosen.extra}]'"
        )
    if size is not None and not chosen.whole:
        raise ValueError(f"export: size={size} is for onnx and torch; leave it out for {to}.")
    if size is not None and not 1 <= size <= 2**16:
        raise ValueError(f"export: size={size}; needs 1 to {2**16:,} pixels.")
    if target.suffix not in chosen.suffixes:
        raise ValueError(
            f"export: out={target}; to={to} needs a name that ends in "
            f"{' or '.join(chosen.suffixes)}."
        )
    if target.is_dir() or (os.path.lexists(target) and not overwrite):
        raise FileExistsError(
            f"export: {target} is there already; choose another --out, or --overwrite to replace "
            f"a file."
        )
    check_room(target.parent, "out")
    return target


@torch.no_grad()
def _compared(function: OnUnitRange, made: Made) -> tuple[tuple[tuple[int, ...], ...], float]:
    """Shapes of images, and the largest difference between the function and the file on them."""
    shapes, differences = [], []
    for seed, shape in enumerate(made.sizes):
        arguments = function.arguments(*shape, seed)
        expected: Tensor = function(*arguments)
        got = made.run(*arguments)
        if made.clips:
            expected = expected.clamp(0, 1)
        same = got.shape == expected.shape
        differences.append((got - expected).abs().max() if same else torch.tensor(torch.inf))
        shapes.append(tuple(arguments[0].shape))
    return tuple(shapes), float(torch.stack(differences).max())
