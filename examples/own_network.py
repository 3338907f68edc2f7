"""A network of your own, without a time embedding, through the whole training loop."""

from torch import nn

from telegrad.data import Photographs
from telegrad.inference import load_model
from telegrad.runs import Component, Config, Output, ValidationSettings, run
from telegrad.schedules import Cascadic
from telegrad.tasks import PaperDenoising


class Plain(nn.Sequential):
    def __init__(self, width: int = 16) -> None:
        first, last = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        super().__init__(first, nn.ReLU(), last)


config = Config(
    task=PaperDenoising(t_max=0.5),
    network=Plain(),
    data=Photographs(size=32),
    optimizer=Component.of("optimizer", "Adam", lr=1e-2),
    strategy=Cascadic(batch_sizes=[8, 8, 4], work_units=400),
    validation=ValidationSettings(images=8),
    output=Output(directory="results/own_network", overwrite=True),
)
report = run(config)
print(f"loss {report.corrupted.loss:.5f} of the input, {report.restored.loss:.5f} restored")

model = load_model(report.files.best, network=Plain())
print(f"best of {report.progress.iteration} steps: {report.files.best}, for {model.task.name}")
