"""
A task of one's own
===================

*Can it undo what my camera does?* A task says three things: what is random about a sample, how each
field reaches a coarser level, and what is seen of it there. Here a sensor that sees one color a
pixel, as most do, and the network that guesses the other two: demosaicing.
"""

import tempfile
from dataclasses import dataclass
from typing import ClassVar

import matplotlib.pyplot as plt
import torch

from telegrad.data import Photographs
from telegrad.inference import load_model
from telegrad.runs import Component, Config, Output, Runtime, ValidationSettings, run
from telegrad.schedules import Auto
from telegrad.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Mosaic(Task):
    """A Bayer pattern, red and green over green and blue, of each level's own pixels."""

    name: ClassVar[str] = "mosaic"
    divisor: ClassVar[int] = 2

    def draw(self, clean, generator):
        return {"clean": clean}

    def observe(self, draw):
        kept = torch.zeros_like(draw["clean"])
        kept[:, 0, ::2, ::2] = kept[:, 2, 1::2, 1::2] = 1
        kept[:, 1, ::2, 1::2] = kept[:, 1, 1::2, ::2] = 1
        return kept * draw["clean"]


# %%
# The pattern belongs to the level that is looked at, so the task is the same on each: ``draw`` has
# an image, which is averaged, and ``observe`` takes colors away.

data = Photographs(size=64)
report = run(
    Config(
        task=Mosaic(),
        network=Component.of("network", "PlainCNN", channels=16, blocks=2),
        data=data,
        optimizer=Component.of("optimizer", "AdamW", lr=3e-3),
        strategy=Auto(budget="120wu"),
        validation=ValidationSettings(images=16, times=2),
        runtime=Runtime(device="cpu"),
        output=Output(directory=tempfile.mkdtemp()),
    )
)
print(f"{report.corrupted.mean_psnr:.2f} dB as seen, {report.restored.mean_psnr:.2f} dB restored")

# %%
# A piece of a photograph that was not trained on.

model = load_model(report.files.best)
photo = torch.from_numpy(data.source().val[0].open()).permute(2, 0, 1)[None]
draw = model.task.draw(photo[..., 60:156, 130:258] / 255, torch.Generator())
with torch.no_grad():
    pictures = {
        "seen": model.task.observe(draw),
        "restored": model.task.restore(model.network, draw),
    }

figure, row = plt.subplots(1, 3, figsize=(12, 3.4))
for axes, (name, image) in zip(row, {**pictures, "clean": draw["clean"]}.items(), strict=True):
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1))
    axes.set(title=name, xticks=[], yticks=[])
figure.tight_layout()
plt.show()
