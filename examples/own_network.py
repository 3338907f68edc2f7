"""A network of your own, without a time embedding, through the whole training loop."""

from torch import nn

from telegrad.inference.model import load_model
from telegrad.networks import WithoutTime
from telegrad.runs.recipes import Recipe
from telegrad.runs.run import run


def model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))


recipe = Recipe(
    task="denoising",
    mode="cascadic",
    network="own",
    img_size=32,
    batch_sizes=[8, 8, 4],
    work_units=400,
    t_max=0.5,
    learning_rate=1e-2,
    val_images=8,
    results_dir="results/own_network",
    overwrite=True,
)
report = run(recipe, WithoutTime(model()))  # the one line of adaptation
print(f"loss {report.corrupted.loss:.5f} of the input, {report.restored.loss:.5f} restored")

trained = load_model(report.records.best, network=WithoutTime(model()))
print(f"best of {report.outcome.iteration} steps: {report.records.best}, for {trained.task.name}")
