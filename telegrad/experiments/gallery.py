"""Photographs restored by several models, for a page of HTML that compares them."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from html import escape
from pathlib import Path

from PIL import Image, features
from torch import Tensor

from telegrad.experiments.scenes import Scene, scenes
from telegrad.inference import load_model

MOST_MODELS = 4


def gallery(checkpoints: Mapping[str, Path], title: str = "") -> str:
    """Photographs: corrupted, restored by each model, clean. The page's script lets two of them
    be compared, beside each other, enlarged, or as errors.

    All models see the same images, of those on which the first one was validated.

    Args:
        checkpoints: by the model's name; models that can't be read are named and left out.
        title: what the pictures are of, for those who can't see them.

    Raises:
        ValueError, OSError: if none can be read, or the images are gone.
    """
    models, missing = {}, []
    for name, path in list(checkpoints.items())[:MOST_MODELS]:
        try:
            models[name] = load_model(path)
        except (ValueError, OSError) as error:
            missing.append(str(error))
    if not models:
        raise ValueError("; ".join(missing))
    first = next(iter(models.values()))
    shown = scenes(models, first.config.build_data().source().val)
    pair = list(models)[:2] if len(models) > 1 else ["corrupted", next(iter(models))]
    parts = "".join(_of_scene(scene, pair, title) for scene in shown)
    notes = "".join(f"<p>{escape(note)}</p>" for note in missing)
    words = f"{pair[0]} and {pair[1]} differ" if len(models) > 1 else "restoring changes them"
    return (
        f"<h3>Photographs that no training saw</h3>"
        f"<p class=quiet>Those first in which {escape(words)} most. Errors are the distance to the "
        f"clean picture, five times as bright.</p>{parts}{notes}"
    )


def _of_scene(scene: Scene, pair: list[str], title: str) -> str:
    figures = []
    for name, image in scene.images.items():
        psnr = scene.psnr(name)
        quality = f"{psnr:.2f} dB" if math.isfinite(psnr) else "the target"
        words = f"{scene.name}, {name}, {quality}"
        side = {pair[0]: ' data-side="left"', pair[1]: ' data-side="right"'}.get(name, "")
        figures.append(
            f'<figure data-name="{escape(name)}"{side}>{as_img(image, words)}'
            f"<figcaption>{escape(name)}<br>{escape(quality)}</figcaption></figure>"
        )
    gain = scene.psnr(pair[1]) - scene.psnr(pair[0])
    strength = f", {scene.strength}" if scene.strength else ""
    said = f"{pair[1]} {gain:+.2f} dB over {pair[0]}"
    label = f"{scene.name}{', ' * bool(title)}{title}"
    return (
        f'<article class="scene" aria-label="{escape(label)}">'
        f'<h4>{escape(scene.name)}{escape(strength)} <span class="quiet">{escape(said)}</span></h4>'
        f'<div class="pictures">{"".join(figures)}</div></article>'
    )


def as_img(image: Tensor, words: str) -> str:
    """An image (3, h, w) in [0, 1] as an element that holds its own pixels, without loss."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    Image.fromarray(pixels).save(
        file, format=kind, **({"lossless": True} if kind == "webp" else {})
    )
    data = base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    return (
        f'<img alt="{escape(words)}" width="{width}" height="{height}" '
        f'src="data:image/{kind};base64,{data}">'
    )
