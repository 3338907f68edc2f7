"""
A network of one's own
======================

*Can it train my network?* Any ``torch.nn.Module`` that is called as ``network(images)``. Here one
with its own idea: it works at half the resolution, on pixels that were unshuffled into channels.
"""

import tempfile

import matplotlib.pyplot as plt
import torch
from torch import nn

from telegrad.data import Photographs
from telegrad.inference import load_model, restore_image
from telegrad.runs import Component, Config, Output, Runtime, ValidationSettings, run
from telegrad.schedules import Auto
from telegrad.tasks import Denoising


class Halved(nn.Module):
    """Three convolutions at half the resolution; what they find is taken off the image."""

    divisor = 2  # heights and widths must be even; without this line it would be tried out

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),
            *(nn.Conv2d(12, width, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2)),
        )

    def forward(self, images):
        return images + self.layers(images)


# %%
# From Python it is an object; from the shell a class path, with its arguments as options:
# ``telegrad train denoising --network my_nets.Halved --network.width 32``.

data = Photographs(size=64)
config = Config(
    task=Denoising(sigma=25),
    network=Halved(width=32),
    data=data,
    optimizer=Component.of("optimizer", "AdamW", lr=3e-3),
    strategy=Auto(budget="250wu"),
    validation=ValidationSettings(images=16, times=2),
    runtime=Runtime(device="cpu"),
    output=Output(directory=tempfile.mkdtemp()),
)
report = run(config)
print(f"{report.corrupted.mean_psnr:.2f} dB noisy, {report.restored.mean_psnr:.2f} dB restored")

# %%
# The model takes whole photographs, in tiles where they are large.

model = load_model(report.files.best, network=Halved(width=32))
photo = torch.from_numpy(data.source().val[0].open()).permute(2, 0, 1) / 255
noisy = photo + 25 / 255 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
restored = restore_image(model, noisy.clamp(0, 1))

figure, row = plt.subplots(1, 3, figsize=(12, 3.2))
for axes, (name, image) in zip(
    row, {"noisy": noisy, "restored": restored, "clean": photo}.items(), strict=True
):
    axes.imshow(image.permute(1, 2, 0).clamp(0, 1))
    axes.set(title=name, xticks=[], yticks=[])
figure.tight_layout()
plt.show()
