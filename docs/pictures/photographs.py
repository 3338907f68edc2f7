"""Pictures that explain levels, sums and noise, of photographs that come with scikit-image."""

from __future__ import annotations

from typing import Any

import torch
from charts import IMAGES, plots
from torch import Tensor

from telegrad import restrict
from telegrad.tasks import JPEG, Deblurring, Denoising, Inpainting, SuperResolution, Task


def photo(name: str, top: int, left: int, size: int = 256) -> Tensor:
    """A square piece of a photograph, (1, 3, size, size) in [0, 1]."""
    from skimage import data

    whole = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None] / 255
    return whole[..., top : top + size, left : left + size]


def coarser(batch: Any, levels: int, rules: Any = "averaging") -> Any:
    """A batch so many levels down."""
    for _ in range(levels):
        batch = restrict(batch, rules)
    return batch


def show(axes: Any, image: Tensor, title: str = "", **options: Any) -> None:
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1), interpolation="nearest", **options)
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def save(figure: Any, name: str, dpi: int = 90) -> None:
    """As PNG of 256 colors, which is a third of the size."""
    import io

    import matplotlib.pyplot as plt
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, dpi=dpi)
    plt.close(figure)
    IMAGES.mkdir(exist_ok=True)
    picture = Image.open(pixels).convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    picture.save(IMAGES / name, optimize=True)


def levels() -> None:
    image = photo("astronaut", 0, 96)
    figure, grid = plots(11, 5, nrows=2, ncols=5)
    for level in range(5):
        small = coarser(image, 4 - level)
        n = small.shape[-1]
        show(grid[0, level], small, f"level {level}: {n}×{n}")
        show(grid[1, level], small, extent=(0, n, n, 0))
        cost = f"1/{4 ** (4 - level)}" if level < 4 else "1"
        grid[1, level].set(xlim=(0, 256), ylim=(256, 0), xlabel=f"{cost} work unit")
    save(figure, "levels.png")


def crops() -> None:
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    figure, grid = plots(10, 5, nrows=2, ncols=4, gridspec_kw={"width_ratios": [1.5, 1, 1, 1]})
    places = (("chelsea", (60, 150)), ("coffee", (100, 230)))
    for row, (name, (top, left)) in zip(grid, places, strict=True):
        show(row[0], photo(name, 0, 0, 600), "a photograph" if row is grid[0] else "")
        row[0].add_patch(Rectangle((left, top), 128, 128, fill=False, color="w", lw=2))
        for k, axes in enumerate(row[1:]):
            small = coarser(photo(name, top, left, 128), 2 - k)
            show(axes, small, f"level {k}: {small.shape[-1]}×{small.shape[-1]}")
    save(figure, "crops.png")
    plt.close(figure)


def noise() -> None:
    clean, sigma = photo("chelsea", 20, 100), 50 / 255
    fields = {"clean": clean, "noise": torch.randn(clean.shape, generator=seeded())}
    noisy = clean + sigma * fields["noise"]
    small = coarser(fields, 3, {"noise": "white_noise"})
    figure, row = plots(10, 3.8, ncols=3)
    show(row[0], noisy, "finest level, σ = 50")
    show(row[1], coarser(noisy, 3), "averaged with its noise")
    show(row[2], small["clean"] + sigma * small["noise"], "noise by its own rule")
    save(figure, "noise.png")


def problems() -> None:
    clean = photo("coffee", 80, 200, 128)
    posed: dict[str, Task] = {
        "denoising": Denoising(sigma=50),
        "deblurring": Deblurring(blur="gaussian", sigma=2),
        "inpainting, boxes": Inpainting(),
        "inpainting, pixels": Inpainting(holes="pixels", missing=0.5),
        "JPEG": JPEG(quality=10),
        "super-resolution ×4": SuperResolution(scale=4),
    }
    figure, grid = plots(13, 4.6, nrows=2, ncols=len(posed))
    for column, (name, task) in zip(grid.T, posed.items(), strict=True):
        sized = task.at_size((128, 128))
        draw = sized.draw(clean, generator=seeded())
        show(column[0], sized.observe(draw), name)
        rules = {field: rule for field, rule in sized.rules.items() if field in draw}
        show(column[1], sized.observe(coarser(draw, 2, rules)))
    grid[0, 0].set_ylabel("finest level, 128×128")
    grid[1, 0].set_ylabel("two below, 32×32")
    save(figure, "problems.png")


def telescoping() -> None:
    from skimage import data

    names, generator = ("astronaut", "chelsea", "coffee"), seeded()
    crops = []
    for k in range(16):
        whole = getattr(data, names[k % 3])()
        i, j = (int(torch.randint(0, n - 128, (1,), generator=generator)) for n in whole.shape[:2])
        crops.append(photo(names[k % 3], i, j, 128))
    figure, grid = plots(12, 3.6, nrows=4, ncols=17, gridspec_kw={"width_ratios": [5] + [1] * 16})
    terms = ["1/2 Σ (g₃ − g₂)", "1/4 Σ (g₂ − g₁)", "1/8 Σ (g₁ − g₀)", "1/16 Σ g₀"]
    for down, row in enumerate(grid):
        number, side = 2 * 2**down, 128 >> down
        words = f"level {3 - down}: {number} of {side}×{side}\n{'+ ' if down else ''}{terms[down]}"
        row[0].text(0.5, 0.5, words, ha="center", va="center", fontsize=10)
        for axes in row:
            axes.set_axis_off()
        for axes, crop in zip(row[1 : number + 1], crops, strict=False):
            show(axes, coarser(crop, down))
    save(figure, "telescoping.png", dpi=110)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


PICTURES = {f"{draw.__name__}.png": draw for draw in (levels, crops, noise, problems, telescoping)}
