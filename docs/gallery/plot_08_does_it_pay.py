"""
Does it pay for my network?
===========================

*Which level should I train on, and do I need the sum?* The gradients of a few dozen draws, taken on
every level, say so. What they say changes as training goes on, so ask more than once.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import astronaut
from torch import nn

from telegrad import GridHierarchy, level_statistics

torch.manual_seed(0)
photo = torch.from_numpy(astronaut()).permute(2, 0, 1) / 255
conv = [nn.Conv2d(a, b, 3, padding=1) for a, b in ((3, 16), (16, 16), (16, 3))]
model = nn.Sequential(conv[0], nn.ReLU(), conv[1], nn.ReLU(), conv[2])
grids = GridHierarchy(finest=(64, 64), levels=4)


def draw(n):
    corners = torch.randint(0, 440, (n, 2)).tolist()
    crops = torch.stack([photo[:, i : i + 64, j : j + 64] for i, j in corners])
    return {"clean": crops, "noise": torch.randn(crops.shape)}


def losses(batch):  # on any level: one loss per sample, shape (n,)
    noisy = batch["clean"] + 0.1 * batch["noise"]
    return (noisy + model(noisy) - batch["clean"]).square().mean((1, 2, 3))


def statistics():
    rules = {"noise": "white_noise"}
    return level_statistics(losses, draw(32), grids, model.parameters(), restriction=rules)


# %%
# Before training, and after two hundred steps on the finest level.

first = statistics()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(200):
    optimizer.zero_grad()
    losses(draw(4)).mean().backward()
    optimizer.step()
then = statistics()
print(then)

# %%
# On the left, how much of a gradient's variance is left in the correction between two levels: where
# it is little, a sum is cheap. On the right, how well a level's mean gradient agrees with the
# finest one's: where it does, steps on that level are steps in the right direction, for a part of
# the cost.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
for name, some in (("before training", first), ("after 200 steps", then)):
    corrections = some.correction_variance()
    parts = [corrections[level] / some.variance[level] for level in range(1, 4)]
    left.plot(range(1, 4), parts, "o-", label=name)
    right.plot(range(4), some.cosine, "o-", label=name)
left.set(xlabel="level", xticks=[1, 2, 3], yscale="log", ylabel="variance of the correction / of g")
right.set(xlabel="level", xticks=range(4), ylabel="cosine with the finest mean gradient")
left.legend()
figure.tight_layout()
plt.show()
