"""Volumes, (n, c, depth, height, width): ellipsoids are found in noise, coarse to fine."""

import torch
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto


class Ellipsoids(torch.utils.data.Dataset):
    """Where an ellipsoid is, and a noise field beside it; a fresh noise each time."""

    def __init__(self, size):
        axis = torch.linspace(-1, 1, size)
        self.place = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))

    def __len__(self):
        return 64

    def __getitem__(self, k):
        draw = torch.Generator().manual_seed(k)
        center, radius = torch.rand(2, 3, 1, 1, 1, generator=draw)
        inside = ((self.place - center + 0.5) / (0.2 + 0.5 * radius)).square().sum(0) < 1
        return {"inside": inside[None], "noise": torch.randn(1, *inside.shape)}


def losses(batch):  # on any level: one loss per sample, shape (n,)
    inside = batch["inside"].float()
    logits = network(inside + 0.5 * batch["noise"])
    return nn.functional.binary_cross_entropy_with_logits(logits, inside, reduction="none").mean(
        (1, 2, 3, 4)
    )


grids = GridHierarchy(finest=(32, 32, 32), levels=3)  # a level costs an eighth of the next finer
network = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 1, 3, padding=1))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
learning_rate = WorkLR(optimizer)
schedule = auto(grids, budget=10)  # work units: passes of one volume of full size
print(schedule)
rules = {"inside": "mask", "noise": "white_noise"}  # a mask stays one, white noise stays white
for step in ScheduledLoader(Ellipsoids(32), schedule, restriction=rules):
    optimizer.zero_grad(set_to_none=True)
    estimate = step.backward(losses)
    optimizer.step()
    learning_rate.step(step)
    if step.number % 10 == 0:
        print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.4f}")
