"""Inpainting: y = M·(x + σ·z), where M blanks boxes, pixels, or what is black in masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from telegrad.mge.restriction import Restriction
from telegrad.options import option
from telegrad.tasks.base import Draw, LevelRule, check_draw
from telegrad.tasks.boxes import outside_boxes
from telegrad.tasks.mask_files import check_masks, cut, mask_files
from telegrad.tasks.restoration import (
    RestorationTask,
    Span,
    check_choice,
    check_random,
    ends,
    said,
    uniform,
    white_noise,
)
from telegrad.tasks.sized import SizedTask

Holes = Literal["boxes", "pixels", "folder"]


@dataclass(frozen=True, kw_only=True)
class Inpainting(SizedTask, RestorationTask):
    """y = M·(x + σ·z), z ~ N(0, I); the target is x. Where M is 0 pixels are missing, and black.

    Boxes are numbers, centers and sides in parts of the image's height and width, so that they need
    no restriction: each level blanks the pixels whose centers lie in them.

    Missing pixels are drawn independently, each with the same probability, on the draw's own level.
    A coarse level takes every second one of the mask (injection), which leaves them independent,
    with the same probability: the same problem on each level. An average, or what is known in half
    of a block, would not be.

    Masks of a folder are cut at random places, in the finest images' size, on whichever level a
    draw is made; each level takes the pixels of the piece that injection would leave. So a piece of
    a mask covers the same part of the scene on all levels, and draws made on a coarse level are
    distributed as restricted ones. White is known, black is missing, and grey is what it is nearer
    to; a mask of the other kind (white holes, as some programs draw them) must be inverted first.

    Source: Pathak et al., *Context encoders*, CVPR 2016, for boxes and random pixels; Liu et al.,
    *Image inpainting for irregular holes using partial convolutions*, ECCV 2018, for masks with 1
    where pixels are known.
    """

    logs_ssim: ClassVar[bool] = True
    default_rule: ClassVar[LevelRule] = "physical"

    holes: Holes = option("boxes", "what is missing: boxes; pixels: random ones; folder: by masks")
    boxes: int | None = option(
        None, "how many an image has; they may overlap; 3 (the default)", least=1, most=1000
    )
    sides: tuple[float, float] | None = option(
        None,
        "least and largest side of a box, in parts of the image's; 0.125, 0.25 (the default)",
        above=0,
        most=1,
    )
    missing: Span | None = option(
        None,
        "part of the pixels that are missing, from 0 to 1: 0.5 (the default), or 0.3..0.9 drawn "
        "per image",
    )
    masks: str | None = option(
        None,
        "folder of mask images, white where pixels are known, as large as the crops or larger; for "
        "holes=folder",
        path=True,
    )
    noise: float = option(
        0.0, "standard deviation of noise in the known pixels, on 0 … 255", least=0, most=255
    )
    level_rule: LevelRule | None = option(
        None,
        "boxes and masks on a coarse level: physical: they cover the same part of the scene; "
        "pixel: they have the same size in pixels, and there are as many fewer boxes as the image "
        "is smaller, one at least",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        owners = {"boxes": "boxes", "sides": "boxes", "missing": "pixels", "masks": "folder"}
        check_choice(self, "holes", owners)
        if self.sides is not None:
            object.__setattr__(self, "sides", tuple(self.sides))
            if not self.sides[0] <= self.sides[1]:
                raise ValueError(
                    f"sides={self.sides}: needs the least side of a box first, then the largest."
                )
        if self.holes == "folder" and self.masks is None:
            raise ValueError("holes=folder: needs the folder of your masks; say --masks DIR.")
        self.name, self.files  # noqa: B018  raise for what can't be

    @property
    def parts_missing(self) -> tuple[float, float]:
        """The least and the largest part of the pixels that is missing, where pixels are."""
        return ends("missing", 0.5 if self.missing is None else self.missing, least=0, most=1)

    @property
    def name(self) -> str:
        part = f"_m{said(self.parts_missing)}" if self.holes == "pixels" else ""
        return f"inpainting_{self.holes}{part}"

    @property
    def pixelwise(self) -> bool:  # type: ignore[override]
        """Whether single pixels are missing; a box in a patch may leave nothing around it."""
        return self.holes == "pixels"

    @property
    def files(self) -> Mapping[str, Path]:
        return {} if self.masks is None else mask_files(self.masks)

    @cached_property
    def _masks(self) -> list[Path]:
        return list(self.files.values())

    @property
    def rules(self) -> Mapping[Any, Restriction]:
        fields: dict[Holes, dict[str, Restriction]] = {
            "boxes": {"centers": "unchanged", "sides": "unchanged"},
            "pixels": {"known": "injection"},
            "folder": {"piece": "unchanged"},
        }
        return {**super().rules, **fields[self.holes]}

    def at_size(self, finest: tuple[int, int]) -> Inpainting:
        """As `SizedTask.at_size`.

        Raises:
            ValueError: also for masks that are smaller; names them.
        """
        sized = super().at_size(finest)
        if self.masks is not None:
            check_masks(self.files, sized.finest_size)
        return sized

    def draw(self, clean: Tensor, generator: torch.Generator) -> Draw:
        """Fields: `clean`; `centers` and `sides` (n, boxes, 2), or `known` (n, 1, h, w) of bool, or
        `piece` (n, 1, H, W) of a mask in the finest images' size; `noise`, if there is any.
        """
        check_random("Inpainting.draw", clean, generator)
        holes = self._holes(clean, generator)
        if not self.noise:
            return {"clean": clean, **holes}
        return {"clean": clean, **holes, "noise": white_noise(clean, generator, "Inpainting.draw")}

    def _holes(self, clean: Tensor, generator: torch.Generator) -> Draw:
        if self.holes == "folder":
            places = torch.rand((len(clean), 3), generator=generator, device=clean.device)
            return {"piece": cut(self._masks, self.finest_size, places)}
        if self.holes == "pixels":
            parts = uniform(clean, self.parts_missing, generator)[:, None, None, None]
            return {"known": uniform(clean, (0, 1), generator, 1, *clean.shape[-2:]) >= parts}
        boxes = self.boxes or 3
        return {
            "centers": uniform(clean, (0, 1), generator, boxes, 2),
            "sides": uniform(clean, self.sides or (0.125, 0.25), generator, boxes, 2),
        }

    def observe(self, draw: Draw) -> Tensor:
        clean = draw["clean"]
        if self.noise:
            check_draw("Inpainting.observe", draw, noise=tuple(clean.shape))
            clean = clean + self.noise / 255 * draw["noise"]
        return torch.where(self.known(draw), clean, torch.zeros_like(clean))

    def known(self, draw: Draw) -> Tensor:
        """The mask (n, 1, h, w) of bool on the draw's level: False where pixels are missing."""
        n, _, h, w = draw["clean"].shape
        if self.holes == "pixels":
            check_draw("Inpainting.observe", draw, known=(n, 1, h, w))
            return draw["known"]
        if self.holes == "folder":
            check_draw("Inpainting.observe", draw, piece=(n, 1, *self.finest_size))
            return self._on_level(draw["piece"], h, w)
        boxes = self.boxes or 3
        check_draw("Inpainting.observe", draw, centers=(n, boxes, 2), sides=(n, boxes, 2))
        if self.rule == "physical":
            return outside_boxes(draw["centers"], draw["sides"], (h, w), (1.0, 1.0))
        height, width = self.finest_size
        kept = max(1, round(boxes * min(h * w / (height * width), 1)))
        return outside_boxes(
            draw["centers"][:, :kept], draw["sides"][:, :kept], (h, w), (height / h, width / w)
        )

    def _on_level(self, piece: Tensor, h: int, w: int) -> Tensor:
        """A piece on the level of h×w pixels: by injection, or the middle of it."""
        height, width = self.finest_size
        if h > height or w > width:
            raise ValueError(
                f"Inpainting.observe: images of {h}×{w}, and masks of {height}×{width}; needs the "
                f"size of the finest: task.at_size(({h}, {w}))."
            )
        if self.rule == "pixel":
            top, left = (height - h) // 2, (width - w) // 2
            return piece[..., top : top + h, left : left + w]
        down, across = torch.arange(h) * height // h, torch.arange(w) * width // w
        return piece[..., down[:, None].to(piece.device), across.to(piece.device)]
