"""JPEG artifacts: y is x, coded and decoded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from telegrad.mge.restriction import Restriction
from telegrad.options import option
from telegrad.tasks.base import Draw, check_draw
from telegrad.tasks.restoration import RestorationTask, Span, check_random, ends, said


@dataclass(frozen=True, kw_only=True)
class JPEG(RestorationTask):
    """y = D(C_q(x)), coding and decoding at quality q; the target is x.

    Real coding by libjpeg: color with its chroma at half the resolution (4:2:0), as most programs
    write it, grey as grey. Images are rounded to 8 bits for it. The quality is a whole number,
    drawn per image.

    On a coarse level the small image is coded, at the quality that was drawn. So blocks have 8×8
    pixels on every level, and each level poses the same problem of a smaller image; the average of
    a coded image would have blocks of 4×4 and half of the quantization's error.

    Patches pose the same problem too: a block is coded without its neighbours, and what is smooth
    between blocks (the chroma, as it is enlarged) reaches two pixels.

    Source: Dong et al., *Compression artifacts reduction by a deep convolutional network* (ARCNN),
    ICCV 2015, for the problem; Jiang et al., *Towards flexible blind JPEG artifacts removal*
    (FBCNN), ICCV 2021, for one network of all qualities.
    """

    pixelwise: ClassVar[bool] = True
    strength: ClassVar[str | None] = "quality"
    smallest: ClassVar[int] = 8

    quality: Span = option(
        "10..90",
        "of the coding, whole numbers from 1 to 100: 10, or 10..90 drawn per image",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(end.is_integer() for end in self.qualities):
            raise ValueError(f"quality={self.quality!r}: needs whole numbers between 1 and 100.")

    @property
    def qualities(self) -> tuple[float, float]:
        """The least and the largest."""
        return ends("quality", self.quality, least=1, most=100)

    @property
    def name(self) -> str:
        return f"jpeg_q{said(self.qualities)}"

    @property
    def smallest_useful(self) -> int:
        """What is coded together: blocks of 8×8, four of them with one of chroma."""
        return 16

    @property
    def rules(self) -> Mapping[Any, Restriction]:
        return {"clean": self.restriction, "quality": "unchanged"}

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        check_random("JPEG.draw", clean, generator)
        low, high = map(int, self.qualities)
        quality = torch.randint(
            low, high + 1, (len(clean),), generator=generator, device=clean.device
        )
        return {"clean": clean, "quality": quality}

    def observe(self, draw: Draw) -> Tensor:
        shape = tuple(draw["clean"].shape)
        check_draw("JPEG.observe", draw, clean=shape, quality=shape[:1])
        return coded(draw["clean"], draw["quality"])


def coded(images: Tensor, qualities: Tensor) -> Tensor:
    """Images as they come out of JPEG coding, on the CPU wherever they lie.

    Args:
        images: (n, 1 or 3, h, w), in [0, 1]; values outside are clipped.
        qualities: (n,), whole numbers from 1 to 100.

    Raises:
        ValueError: for images of another number of channels.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"JPEG: images of {images.shape[1]} channels; needs grey ones (1) or RGB (3)."
        )
    pixels = (255 * images.detach().float().clamp(0, 1)).round().byte()
    rows = pixels.permute(0, 2, 3, 1).cpu().numpy()
    decoded = [_coded(x, int(q)) for x, q in zip(rows, qualities.tolist(), strict=True)]
    values = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).to(images.device).float()
    return torch.empty_like(images).copy_(values / 255)


def _coded(pixels: np.ndarray, quality: int) -> np.ndarray:
    """(h, w, c) of uint8, coded and decoded."""
    content = io.BytesIO()
    squeezed = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(squeezed))
    image.save(content, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(content) as decoded:
        return np.array(decoded).reshape(pixels.shape)
