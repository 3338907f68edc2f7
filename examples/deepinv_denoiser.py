"""A denoiser of the deepinv library through the whole training loop: pip install deepinv."""

import deepinv

from telegrad.data import Photographs
from telegrad.networks import WithNoiseLevel
from telegrad.runs import Component, Config, Output, ValidationSettings, run
from telegrad.schedules import FullMultiscale
from telegrad.tasks import PaperDenoising

drunet = deepinv.models.DRUNet(nc=(8, 16, 16, 32), nb=1, pretrained=None)
config = Config(
    task=PaperDenoising(t_max=0.5),
    network=WithNoiseLevel(drunet),  # the one line of adaptation
    data=Photographs(size=32),
    optimizer=Component.of("optimizer", "Adam", lr=3e-3),
    strategy=FullMultiscale(batch_sizes=[8, 4, 2], work_units=100),
    validation=ValidationSettings(images=8),
    output=Output(directory="results/deepinv", overwrite=True),
)
report = run(config)
print(f"loss {report.corrupted.loss:.5f} of the input, {report.restored.loss:.5f} restored")
