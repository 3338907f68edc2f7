"""A denoiser of the deepinv library through the whole training loop: pip install deepinv."""

import deepinv

from telegrad.networks import WithNoiseLevel
from telegrad.runs.recipes import Recipe
from telegrad.runs.run import run

drunet = deepinv.models.DRUNet(nc=(8, 16, 16, 32), nb=1, pretrained=None)
recipe = Recipe(
    task="denoising",
    mode="fullmultiscale",
    network="own",
    img_size=32,
    batch_sizes=[8, 4, 2],
    work_units=100,
    t_max=0.5,
    learning_rate=3e-3,
    val_images=8,
    results_dir="results/deepinv",
    overwrite=True,
)
report = run(recipe, WithNoiseLevel(drunet))  # the one line of adaptation
print(f"loss {report.corrupted.loss:.5f} of the input, {report.restored.loss:.5f} restored")
