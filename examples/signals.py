"""Signals on a line, (n, c, length): white noise is taken off sums of chirps, coarse to fine."""

import torch
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto


class Chirps(torch.utils.data.Dataset):
    """Three sines of changing pitch, and a noise field beside them."""

    def __init__(self, length):
        self.t = torch.linspace(0, 1, length)

    def __len__(self):
        return 256

    def __getitem__(self, k):
        draw = torch.Generator().manual_seed(k)
        pitch, sweep, phase = torch.rand(3, 3, 1, generator=draw)
        waves = torch.sin(6.28 * (phase + 12 * pitch * self.t + 8 * sweep * self.t**2))
        return {"clean": waves.mean(0, keepdim=True), "noise": torch.randn(1, len(self.t))}


def losses(batch):  # on any level: one loss per sample, shape (n,)
    noisy = batch["clean"] + 0.3 * batch["noise"]
    return (network(noisy) - batch["clean"]).square().mean((1, 2))


grids = GridHierarchy(finest=(512,), levels=4)  # a level costs half of the next finer one
network = nn.Sequential(
    nn.Conv1d(1, 16, 9, padding=4), nn.GELU(), nn.Conv1d(16, 16, 9, padding=4), nn.GELU(),
    nn.Conv1d(16, 1, 9, padding=4),
)  # fmt: skip
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
learning_rate = WorkLR(optimizer)
schedule = auto(grids, budget=120)  # work units: passes of one signal of full length
print(schedule)
for step in ScheduledLoader(Chirps(512), schedule, restriction={"noise": "white_noise"}):
    optimizer.zero_grad(set_to_none=True)
    estimate = step.backward(losses)
    optimizer.step()
    learning_rate.step(step)
    if step.number % 15 == 0:
        print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.4f}")
