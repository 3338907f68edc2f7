"""deepinv's Trainer on a schedule: inpainting, each level with the mask that suits it."""

import deepinv
import torch
from skimage.data import chelsea
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR, restrict
from telegrad.schedules import auto


class ScheduledTrainer(deepinv.Trainer):
    """Takes steps of one level; `physics` holds one operator a level, coarsest first."""

    def get_samples(self, iterators, g):
        self.at = next(iterators[g])
        x = self.at.batch.to(self.device)
        physics = self.physics[self.at.level]
        return x, physics(x), physics

    def step(self, *arguments, **options):
        super().step(*arguments, **options)
        learning_rate.step(self.at)  # their scheduler counts epochs, of which there is one
        if self.at.number % 50 == 0:
            loss = self.logs_total_loss_train.avg  # since the beginning
            print(f"{self.at.progress:4.0%}  level {self.at.level}  mean loss {loss:.4f}")


class Inpainter(nn.Module):
    def __init__(self):
        super().__init__()
        layers = nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1)
        self.layers = nn.Sequential(*layers)

    def forward(self, y, physics, **options):
        return y + (1 - physics.mask) * self.layers(y)


grids = GridHierarchy(finest=(64, 64), levels=3)
photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
masks = [torch.ones(1, 3, 64, 64)]
masks[0][..., 24:40, 24:40] = 0
while len(masks) < grids.levels:
    masks.insert(0, restrict(masks[0], "mask"))

model = Inpainter()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
learning_rate = WorkLR(optimizer)
loader = ScheduledLoader(photos, auto(grids, budget=40))
loader.drop_last = False  # Trainer asks every loader
physics = [deepinv.physics.Inpainting(mask.shape[1:], mask[0], device="cpu") for mask in masks]
ScheduledTrainer(
    *(model, physics, optimizer),
    loader,
    epochs=1,  # the schedule has an end of its own
    device="cpu",
    non_blocking_transfers=False,
    save_path=None,
    show_progress_bar=False,
).train()
