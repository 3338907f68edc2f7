"""
Volumes
=======

*And in space?* There one level down costs an eighth, so coarse to fine is cheapest to try.
Ellipsoids are found in noise: a label is a field too, with the rule of a mask.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

torch.manual_seed(0)


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
    logits = network(inside + 0.8 * batch["noise"])
    each = nn.functional.binary_cross_entropy_with_logits(logits, inside, reduction="none")
    return each.mean((1, 2, 3, 4))


# %%
# Three axes, and a rule for each field.

network = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 1, 3, padding=1))
schedule = auto(GridHierarchy(finest=(32, 32, 32), levels=3), budget=60)
print(schedule)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
learning_rate = WorkLR(optimizer)
rules = {"inside": "mask", "noise": "white_noise"}
for step in ScheduledLoader(Ellipsoids(32), schedule, restriction=rules):
    optimizer.zero_grad(set_to_none=True)
    step.backward(losses)
    optimizer.step()
    learning_rate.step(step)

# %%
# A slice of one that it has not seen.

sample = Ellipsoids(32)[1002]
seen = sample["inside"] + 0.8 * sample["noise"]
with torch.no_grad():
    found = network(seen[None]).sigmoid()[0]

middle = int(sample["inside"].sum((0, 2, 3)).argmax())
figure, row = plt.subplots(1, 3, figsize=(11, 3.8))
volumes = {"seen": seen, "probability": found, "truth": sample["inside"]}
for axes, (name, volume) in zip(row, volumes.items(), strict=True):
    axes.imshow(volume[0, middle], cmap="gray")
    axes.set(title=name, xticks=[], yticks=[])
figure.tight_layout()
plt.show()
