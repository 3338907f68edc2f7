"""
Coarse to fine in a loop of one's own
=====================================

*What must change in my training loop?* The DataLoader. ``ScheduledLoader`` brings the schedule,
which is what pays most, to any dataset, network, loss and optimizer.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import astronaut, chelsea, coffee
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

torch.manual_seed(0)
photos = [torch.from_numpy(p).permute(2, 0, 1) / 255 for p in (astronaut(), coffee())]
pieces = [p[:, i : i + 192, j : j + 192] for p in photos for i in (0, 200) for j in (0, 160, 320)]


class Noisy(torch.utils.data.Dataset):
    """A piece of a photograph, and noise beside it, since that has a rule of its own."""

    def __len__(self):
        return len(pieces)

    def __getitem__(self, k):
        return {"clean": pieces[k], "noise": torch.randn(pieces[k].shape)}


class Residual(nn.Sequential):
    def forward(self, noisy):
        return noisy + super().forward(noisy)


def conv(a, b):
    return nn.Conv2d(a, b, 3, padding=1)


model = Residual(conv(3, 16), nn.ReLU(), conv(16, 16), nn.ReLU(), conv(16, 3))
sigma = 25 / 255


def losses(batch):  # on any level: one loss per sample, shape (n,)
    noisy = batch["clean"] + sigma * batch["noise"]
    return (model(noisy) - batch["clean"]).abs().mean((1, 2, 3))


# %%
# ``auto`` needs a budget and nothing else: work units here, or words such as ``"10min"``. Printed,
# it says which levels it takes, with how many images a step, for how long.

schedule = auto(GridHierarchy(finest=(128, 128), levels=4), budget=80)
print(schedule)

# %%
# The loop. ``step.backward`` is the ordinary gradient where the schedule has one level at a time,
# and a telescoping sum where it has several. The learning rate falls with work, not with steps.

loader = ScheduledLoader(Noisy(), schedule, restriction={"noise": "white_noise"})
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
learning_rate = WorkLR(optimizer)
seen = []
for step in loader:
    optimizer.zero_grad(set_to_none=True)
    estimate = step.backward(losses)
    optimizer.step()
    learning_rate.step(step)
    seen.append((step.progress, step.level, estimate.loss.item()))

# %%
# What it came to, on a photograph that it has not seen.

clean = torch.from_numpy(chelsea().copy()).permute(2, 0, 1)[None, :, 40:232, 110:366] / 255
noisy = clean + sigma * torch.randn(clean.shape)
with torch.no_grad():
    restored = model(noisy)


def psnr(image):
    return -10 * (image.clamp(0, 1) - clean).square().mean().log10()


figure = plt.figure(figsize=(12, 6))
pictures = {"noisy": noisy, "restored": restored, "clean": clean}
for k, (name, image) in enumerate(pictures.items(), start=1):
    axes = figure.add_subplot(2, 3, k, xticks=[], yticks=[])
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1))
    axes.set_title(name if name == "clean" else f"{name}, {psnr(image):.1f} dB")
work, levels, loss = zip(*seen, strict=True)
axes = figure.add_subplot(2, 1, 2, xlabel="part of the work", ylabel="loss", yscale="log")
points = axes.scatter(work, loss, c=levels, s=4, cmap="viridis")
figure.colorbar(points, ticks=range(4), label="level")
figure.tight_layout()
plt.show()
