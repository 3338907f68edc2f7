"""Pictures of what trained models make of the same images, for a page of HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from telegrad.inference import load_model
from telegrad.runs.build import build_validation

IMAGES = 3
DETAIL = 24
"""Side of the detail that is shown enlarged, in pixels."""


def gallery(checkpoints: Mapping[str, Path]) -> str:
    """Rows of images: corrupted, restored by each model, clean; and below each, a detail.

    All models see the same images, those on which the first one was validated.

    Args:
        checkpoints: by the model's name; models that can't be read are named and left out.

    Raises:
        ValueError, OSError: if none can be read, or the images are gone.
    """
    models, missing = {}, []
    for name, path in checkpoints.items():
        try:
            models[name] = load_model(path)
        except (ValueError, OSError) as error:
            missing.append(str(error))
    if not models:
        raise ValueError("; ".join(missing))
    first = next(iter(models.values()))
    val = first.config.build_data().source().val
    validation = build_validation(first.config, first.objective, val, "cpu")
    number = min(IMAGES, len(validation.draw["clean"]))
    columns: dict[str, Tensor] = {}
    for name, model in models.items():
        corrupted, restored, clean = validation.examples(model.network, number)
        columns = {"corrupted": corrupted, **columns, name: restored}
    columns["clean"] = clean
    rows = [
        _row({name: images[k] for name, images in columns.items()}, k + 1) for k in range(number)
    ]
    notes = "".join(f"<p>{escape(note)}</p>" for note in missing)
    return f"<h3>Restored images</h3>{''.join(rows)}{notes}"


def _row(images: Mapping[str, Tensor], number: int) -> str:
    clean = images["clean"]
    top, left = _busiest(clean)
    cells = []
    for name, image in images.items():
        mse = (image - clean).square().mean().item()
        quality = f"{10 * torch.tensor(1 / mse).log10().item():.1f} dB" if mse else "the target"
        detail = image[:, top : top + DETAIL, left : left + DETAIL]
        words = f"image {number}, {name}, {quality}"
        cells.append(
            f"<figure>{_as_img(image, words)}{_as_img(detail, f'detail of {words}')}"
            f"<figcaption>{escape(name)}<br>{escape(quality)}</figcaption></figure>"
        )
    return f'<div class="gallery" tabindex="0">{"".join(cells)}</div>'


def _busiest(image: Tensor) -> tuple[int, int]:
    """Upper left corner of the detail in which the image (3, h, w) varies most."""
    step = DETAIL // 2
    if min(image.shape[1:]) <= DETAIL:
        return 0, 0
    places = image.unfold(1, DETAIL, step).unfold(2, DETAIL, step)  # (3, rows, columns, side, side)
    variance = places.var((-2, -1)).sum(0)
    row, column = divmod(int(variance.argmax()), variance.shape[1])
    return row * step, column * step


def _as_img(image: Tensor, words: str) -> str:
    """An image (c, h, w) in [0, 1] as an element that holds its own pixels."""
    rgb = (image.clamp(0, 1) * 255).round().byte().expand(3, -1, -1)
    pixels = rgb.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
