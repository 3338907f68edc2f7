"""
The usual way and coarse to fine, for the same work
===================================================

*Does it pay?* Boxes are cut out of photographs, and the same small network learns to fill them,
twice with the same work: on crops of full size, as one usually does, and coarse to fine. To fill a
box takes a view of what is around it, of which small images have more: inpainting is where the
difference is largest. This is one short run of each. Longer ones, with tuned learning rates and
several seeds, are what to conclude from: :doc:`/when-it-pays`.
"""

import tempfile

import matplotlib.pyplot as plt
import torch

from telegrad.data import Photographs
from telegrad.inference import load_model
from telegrad.runs import Component, Config, Output, Runtime, ValidationSettings, run
from telegrad.schedules import Auto, Single
from telegrad.tasks import PaperInpainting

# %%
# A run is composed of parts, and the two differ in one of them.

folder = tempfile.mkdtemp()
data = Photographs(size=128)


def trained(name, strategy):
    config = Config(
        task=PaperInpainting(),
        network=Component.of("network", "ResNet", channels=16),
        data=data,
        optimizer=Component.of("optimizer", "Adam", lr=2e-3),
        strategy=strategy,
        validation=ValidationSettings(images=8, times=2),
        runtime=Runtime(device="cpu"),
        output=Output(directory=f"{folder}/{name}"),
    )
    report = run(config)
    print(f"{name}: {report.restored.mean_psnr:.2f} dB, SSIM {report.restored.mean_ssim:.3f}\n")
    return load_model(report.files.best)


models = {
    "the usual way": trained("usual", Single(batch_size=2, decay=0.3, work_units=80)),
    "coarse to fine": trained("coarse_to_fine", Auto(budget="80wu")),
}

# %%
# Crops of the four photographs that neither run has trained on, each corrupted in the same way.

task = models["the usual way"].task
photos = [torch.tensor(image.open()).permute(2, 0, 1) for image in data.source().val]
middles = [[(n - 128) // 2 for n in photo.shape[-2:]] for photo in photos]
crops = torch.stack(
    [p[:, i : i + 128, j : j + 128] for p, (i, j) in zip(photos, middles, strict=True)]
)
draw = task.draw(**task.images({"clean": crops}), generator=torch.Generator().manual_seed(3))
with torch.no_grad():
    columns = {"corrupted": task.observe(draw)}
    columns |= {name: task.restore(model.network, draw) for name, model in models.items()}
columns["clean"] = draw["clean"]

figure, grid = plt.subplots(4, 4, figsize=(9, 9.4))
for axes, (name, images) in zip(grid.T, columns.items(), strict=True):
    for axis, image in zip(axes, images, strict=True):
        axis.imshow((image.permute(1, 2, 0) / 2 + 0.5).clamp(0, 1))
        axis.set(xticks=[], yticks=[])
    axes[0].set_title(name)
figure.tight_layout()
plt.show()
