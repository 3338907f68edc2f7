"""`telegrad export`: a trained network as a file for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.inference.export import check_export, export_model
from telegrad.options import NEEDED, option


@dataclass(frozen=True, kw_only=True)
class Export(Command):
    positional: ClassVar[tuple[str, ...]] = ("model",)
    usage: ClassVar[str] = "telegrad export MODEL --to FORMAT --out FILE [options]"
    description: ClassVar[str] = (
        "Write a trained network for other programs: its weights alone (safetensors), as spandrel "
        "recognizes them (spandrel), or its whole computation on images in [0, 1] of any size "
        "(onnx; torch, by torch.export). The file is compared with the model on images of three "
        "sizes before it is written."
    )
    example: ClassVar[str] = (
        "telegrad export results/models/NAME_best.pt --to onnx --out denoiser.onnx"
    )

    model: str = option(
        NEEDED, "a run's models/…_best.pt; or one that comes along: telegrad models", path=True
    )
    to: Literal["safetensors", "spandrel", "onnx", "torch"] = option(
        NEEDED, "safetensors, spandrel, onnx or torch"
    )
    out: str = option(
        NEEDED, "the file: .safetensors, .pth for spandrel, .onnx, .pt2 for torch", path=True
    )
    size: int | None = option(
        None,
        "height and width of images, for a network that can't be exported for all sizes; onnx and "
        "torch only",
        unit="pixels",
        least=1,
        most=2**16,
    )
    overwrite: bool = option(False, "replace the file if it is there")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad export", lambda: export(words))


def export(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Export.help())
        return 0
    own, rest = Export.parse(words, others=("network",))
    target = check_export(own.to, own.out, size=own.size, overwrite=own.overwrite)
    if target.exists() and Path(own.model).exists() and target.samefile(own.model):
        raise FileExistsError(f"export: {target} is the model itself; choose another --out.")
    model = model_of(own.model, "cpu", rest)
    made = export_model(model, own.to, own.out, size=own.size, overwrite=own.overwrite)
    shapes = ", ".join("×".join(map(str, shape)) for shape in made.shapes)
    print(f"Exported {model.task.name}, {model.config.network.short_name}, to {made.file}.")
    if own.to in ("onnx", "torch"):
        sides = f"{own.size}×{own.size} pixels" if own.size else "any size"
        if not own.size and made.unit > 1:
            sides = f"heights and widths that are multiples of {made.unit}"
        sigma = (
            ", and sigma (n,), the standard deviation of their noise on that scale"
            if made.takes_sigma
            else ""
        )
        alone = all(shape[0] == 1 for shape in made.shapes)
        images = "one image (1, c, h, w)" if alone else "images (n, c, h, w)"
        print(f"It takes {images} in [0, 1], of {sides}{sigma}.")
    print(f"Largest difference from the model, on {shapes}: {made.difference:.1e}.")
    return 0
