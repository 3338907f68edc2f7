"""
Signals on a line
=================

*Only images?* A mesh has one, two or three axes. Here white noise is taken off chirps, ``(n, c,
length)``, coarse to fine; a level costs half of the next finer one.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

torch.manual_seed(0)


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


# %%
# Nothing else changes: the grids have one axis, and the noise has its rule.

network = nn.Sequential(
    *(nn.Conv1d(1, 16, 9, padding=4), nn.GELU()),
    *(nn.Conv1d(16, 16, 9, padding=4), nn.GELU()),
    nn.Conv1d(16, 1, 9, padding=4),
)
schedule = auto(GridHierarchy(finest=(512,), levels=4), budget=500)
print(schedule)
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
learning_rate = WorkLR(optimizer)
for step in ScheduledLoader(Chirps(512), schedule, restriction={"noise": "white_noise"}):
    optimizer.zero_grad(set_to_none=True)
    step.backward(losses)
    optimizer.step()
    learning_rate.step(step)

# %%
# A chirp that it has not seen.

sample = Chirps(512)[1000]
noisy = sample["clean"] + 0.3 * sample["noise"]
with torch.no_grad():
    restored = network(noisy[None])[0]

figure, axes = plt.subplots(figsize=(11, 3.6))
axes.plot(noisy[0], color="0.8", label="noisy")
axes.plot(sample["clean"][0], "k", lw=1, label="clean")
axes.plot(restored[0], "C1", label="restored")
axes.legend()
plt.show()
