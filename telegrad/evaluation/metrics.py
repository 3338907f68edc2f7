"""Metrics of restored images, by the names that the field has for them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from telegrad.errors import did_you_mean, reason

WINDOW = 11
"""Height and width in pixels of the Gaussian window of SSIM, σ = 1.5."""

PATIENCE = 20
"""Seconds to wait for a server that has a metric's weights."""


@dataclass(frozen=True)
class Metric:
    """A number that says how near one image is to another.

    Attributes:
        name: as on the command line.
        value: of images (1, c, h, w), the restored and the clean one, in [0, 1] as they would be
            written; for `raw`, on the task's range as they come out.
        said: what it is, for the head of a table.
        unit: of the number, or nothing.
        smallest: least height and width in pixels.
        colors: whether it needs three channels; grey is repeated.
        raw: whether it is of images as they come out, neither clipped nor rounded.
    """

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    said: str
    unit: str = ""
    smallest: int = 1
    colors: bool = False
    raw: bool = False


def mse(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error over all pixels and channels."""
    return (restored - clean).square().mean()


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """10·log₁₀(1 / MSE) in dB, over all pixels and channels; infinite for equals.

    >>> clean = torch.zeros(1, 3, 8, 8)
    >>> round(psnr(clean + 0.1, clean).item(), 4)
    20.0
    """
    return -10 * mse(restored, clean).log10()


def ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity, averaged over channels and over the places where the window fits.

    scikit-image's, in double precision. torchmetrics averages over the mirrored borders as well, in
    which it differs by up to some thousandths; without them it agrees to rounding.

    Source: Wang et al., *Image quality assessment*, IEEE Trans. Image Process. 2004.
    """
    from skimage.metrics import structural_similarity

    one, other = (images[0].cpu().numpy() for images in (restored, clean))
    found = structural_similarity(
        one,
        other,
        channel_axis=0,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return torch.tensor(found, dtype=torch.float64)


def ms_ssim(restored: Tensor, clean: Tensor) -> Tensor:
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    restored, clean = restored.float(), clean.float()
    return multiscale_structural_similarity_index_measure(restored, clean, data_range=1.0)


def lpips(restored: Tensor, clean: Tensor) -> Tensor:
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

    restored, clean = (images.float().clamp(0, 1) for images in (restored, clean))
    return learned_perceptual_image_patch_similarity(restored, clean, "alex", normalize=True)


def dists(restored: Tensor, clean: Tensor) -> Tensor:
    from torchmetrics.functional.image import deep_image_structure_and_texture_similarity

    return deep_image_structure_and_texture_similarity(restored.float(), clean.float()).mean()


def vif(restored: Tensor, clean: Tensor) -> Tensor:
    from torchmetrics.functional.image import visual_information_fidelity

    return visual_information_fidelity(255 * restored.float(), 255 * clean.float())


METRICS = {
    metric.name: metric
    for metric in (
        Metric("psnr", psnr, "over all pixels and channels of an image, peak 255", "dB"),
        Metric(
            "ssim",
            ssim,
            "11×11 Gaussian window, σ 1.5, only where it fits, mean over channels (scikit-image)",
            smallest=WINDOW,
        ),
        Metric(
            "ms_ssim",
            ms_ssim,
            "SSIM on five scales, borders mirrored (torchmetrics)",
            smallest=16 * WINDOW,  # the window fits into the coarsest scale
        ),
        Metric("lpips", lpips, "AlexNet (torchmetrics)", smallest=32, colors=True),
        Metric("dists", dists, "torchmetrics", smallest=32, colors=True),
        Metric("vif", vif, "pixel domain (torchmetrics)", smallest=41),
        Metric("mse", mse, "on the task's range, neither clipped nor rounded", raw=True),
    )
}
"""By name."""


def metrics_of(names: Sequence[str]) -> list[Metric]:
    """The metrics of these names.

    Raises:
        ValueError: for none, one that is not known, or one named twice.
    """
    for name in names:
        if name not in METRICS:
            guess = did_you_mean(name, METRICS) or f"; there are {', '.join(METRICS)}."
            raise ValueError(f"metrics: no {name!r}{guess}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"metrics={list(names)}: needs one or more, each once.")
    return [METRICS[name] for name in names]


def check_metrics(metrics: Sequence[Metric], device: torch.device | str = "cpu") -> None:
    """Tries each metric once on two grey images, which also gets the weights that it needs.

    Raises:
        ValueError: if one can't be computed here, such as one whose weights can't be had.
    """
    for metric in metrics:
        side = max(metric.smallest, 64)
        images = torch.full((1, 3, side, side), 0.5, device=device, dtype=torch.float64)
        try:
            with torch.no_grad(), _patience(PATIENCE):
                metric.value(images, images)
        except Exception as error:  # of several kinds, by what is missing
            others = ", ".join(name for name in METRICS if name != metric.name)
            raise ValueError(
                f"metrics: {metric.name} can't be computed here ({reason(error)}); it may need "
                f"weights that are downloaded once, or a package. Leave it out; there are {others}."
            ) from error


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
