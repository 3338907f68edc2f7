"""Evaluation: always on the finest level, on the same images, noise and times."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from telegrad.evaluation.protocol import EVALUATION_SEED
from telegrad.losses import similarity
from telegrad.losses.ssim import SMALLEST
from telegrad.mge.batches import rows
from telegrad.tasks import Draw, Objective


@dataclass(frozen=True)
class Quality:
    """How near images are to the clean ones.

    Attributes:
        loss: what is trained on, averaged over the images.
        mse: (n,) mean squared error of each image as it comes out, on the task's range.
        psnr: (n,) peak signal-to-noise ratio in dB of each image as it would be written: clipped to
            the task's range, over all pixels and channels.
        ssim: (n,) structural similarity, likewise; not a number for images below 16×16.
    """

    loss: float
    mse: Tensor
    psnr: Tensor
    ssim: Tensor

    @property
    def mean_mse(self) -> float:
        """MSE averaged over images."""
        return self.mse.mean().item()

    @property
    def mean_psnr(self) -> float:
        """PSNR averaged over images, as papers report it, in dB."""
        return self.psnr.mean().item()

    @property
    def mean_ssim(self) -> float:
        """SSIM averaged over images."""
        return self.ssim.mean().item()

    @property
    def means(self) -> dict[str, float | None]:
        """All four by name; None for what is not a number."""
        means = {"mse": self.mean_mse, "psnr": self.mean_psnr, "ssim": self.mean_ssim}
        all_four = {"loss": self.loss, **means}
        return {name: None if math.isnan(value) else value for name, value in all_four.items()}


def quality_of(objective: Objective, restored: Tensor, clean: Tensor) -> Quality:
    """Quality of restored images (n, c, h, w), beside the clean ones."""
    low, high = objective.task.value_range
    written, width = restored.clamp(low, high), high - low
    psnr = psnr_of(written, clean, width)
    large = min(clean.shape[-2:]) >= SMALLEST
    ssim = similarity(written, clean, width) if large else torch.full_like(psnr, float("nan"))
    mse = (restored - clean).square().mean((1, 2, 3))
    loss = objective.losses_of(restored, clean).mean().item()
    return Quality(loss, mse.cpu(), psnr.cpu(), ssim.cpu())


def psnr_of(written: Tensor, clean: Tensor, data_range: float) -> Tensor:
    """(n,) peak signal-to-noise ratios in dB of images (n, c, h, w), rounded as torchmetrics does.

    >>> clean = torch.zeros(1, 3, 8, 8)
    >>> psnr_of(clean + 0.1, clean, 1.0)
    tensor([20.])
    """
    errors = (written - clean).square().sum((1, 2, 3)) / clean[0].numel()
    width = torch.tensor(data_range, device=clean.device)
    return (2 * torch.log(width) - torch.log(errors)) * (10 / torch.log(torch.tensor(10.0)))


class Validation:
    """A fixed set of draws on the finest level, and what a network makes of them.

    Args:
        objective: task and loss.
        images: `clean` (n, c, h, w) in the task's range, on the network's device, and what else the
            task's `draw` takes.
        batch_size: images per pass.
    """

    def __init__(
        self, objective: Objective, images: Mapping[str, Tensor], batch_size: int = 32
    ) -> None:
        generator = torch.Generator(images["clean"].device).manual_seed(EVALUATION_SEED)
        self.objective = objective
        self.draw: Draw = objective.task.draw(**images, generator=generator)
        self.batch_size = batch_size

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.draw["clean"])

    def first(self, number: int) -> Validation:
        """On so many of the images, each with the draw that it has here."""
        fewer = copy.copy(self)
        fewer.draw = rows(self.draw, 0, number)
        return fewer

    def evaluate(self, network: nn.Module) -> Quality:
        """Quality of the restored images; the network is left in the mode it was in."""
        restored = self._restored(network, self.draw)
        return quality_of(self.objective, restored, self.draw["clean"])

    def corrupted(self) -> Quality:
        """Quality of the corrupted images themselves."""
        return quality_of(
            self.objective, self.objective.task.unrestored(self.draw), self.draw["clean"]
        )

    def examples(self, network: nn.Module, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Corrupted, restored and clean images to be shown, from weak to strong corruption.

        Each is (number, c, h, w), and lies in [0, 1] but for what goes beyond black and white.
        """
        by_quality = self.corrupted().psnr.argsort(descending=True)
        places = (torch.arange(number) + 0.5) / number * len(by_quality)
        chosen = by_quality[places.long()].to(self.draw["clean"].device)
        draw = {name: field[chosen] for name, field in self.draw.items()}
        task, (low, high) = self.objective.task, self.objective.task.value_range
        images = task.unrestored(draw), self._restored(network, draw), draw["clean"]
        corrupted, restored, clean = ((image - low) / (high - low) for image in images)
        return corrupted, restored, clean

    @torch.no_grad()
    def _restored(self, network: nn.Module, draw: Draw) -> Tensor:
        was_training = network.training
        network.eval()
        starts = range(0, len(draw["clean"]), self.batch_size)
        parts = (rows(draw, start, start + self.batch_size) for start in starts)
        restored = torch.cat([self.objective.task.restore(network, part) for part in parts])
        network.train(was_training)
        return restored.float()
