"""
The gradient as a telescoping sum
=================================

*Does a gradient from small images still point the right way?* That of a coarse level alone doesn't,
quite. A sum of differences does: the levels telescope, and what is left is the gradient of the
finest level, for any batch sizes,

.. math:: E\\,g_L = E\\,g_0 + \\sum_{l=1}^{L} E\\,(g_l - g_{l-1}).
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import coffee
from torch import nn

from telegrad import GridHierarchy, multiscale_backward, restrict

torch.manual_seed(0)
photo = torch.from_numpy(coffee()).permute(2, 0, 1) / 255
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
grids = GridHierarchy(finest=(64, 64), levels=3)
rules = {"noise": "white_noise"}


def draw(n):
    """n crops, and noise beside them."""
    corners = torch.randint(0, 300, (n, 2)).tolist()
    crops = torch.stack([photo[:, i : i + 64, j : j + 64] for i, j in corners])
    return {"clean": crops, "noise": torch.randn(crops.shape)}


def losses(batch):  # on any level: one loss per sample, shape (n,)
    noisy = batch["clean"] + 0.1 * batch["noise"]
    return (model(noisy) - batch["clean"]).square().mean((1, 2, 3))


def gradient(backward):
    model.zero_grad()
    backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# %%
# A little training first, since an untrained network finds all levels alike. Then the finest
# level's gradient, from many samples, is what all others are measured by.

optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(15):
    gradient(lambda: losses(draw(4)).mean().backward())
    optimizer.step()
target = gradient(lambda: losses(draw(600)).mean().backward())


def coarse():
    batch = draw(16)
    for _ in range(grids.levels - 1):
        batch = restrict(batch, rules)
    losses(batch).mean().backward()


def telescoping():  # one walk down the levels: 1 sample on the finest, 4 and 16 below
    multiscale_backward(losses, draw(16), grids, (16, 4, 1), restriction=rules)


def finest():
    losses(draw(3)).mean().backward()


# %%
# Each of the three takes 1 to 3 work units, and each is made anew sixty times. The mean of
# many shows the bias, the spread around it the variance.

kinds = {
    "one finest level, 3 samples": finest,
    "telescoping, 16/4/1": telescoping,
    "coarsest level, 16 samples": coarse,
}
found = {name: torch.stack([gradient(kind) for _ in range(60)]) for name, kind in kinds.items()}
for name, some in found.items():
    bias = (some.mean(0) - target).norm() / target.norm()
    spread = some.var(0).sum().sqrt() / target.norm()
    print(f"{name:28} bias {bias:4.0%}   spread of one {spread:4.0%}")

# %%
# Along the true gradient and across it. The cloud of the coarsest level is the tightest, and has
# its middle elsewhere; the other two have theirs on the cross.

along = target / target.norm()
away = found["coarsest level, 16 samples"].mean(0) - target
across = away - (away @ along) * along
across /= across.norm()
figure, axes = plt.subplots(figsize=(9, 5))
for (name, some), color in zip(found.items(), ("C0", "C2", "C1"), strict=True):
    x, y = some @ along / target.norm(), some @ across / target.norm()
    axes.scatter(x, y, s=6, alpha=0.4, color=color)
    axes.scatter(x.mean(), y.mean(), s=90, marker="D", color=color, edgecolor="k", label=name)
axes.plot(1, 0, "k+", markersize=24, label="the finest level's gradient")
axes.set(xlabel="along the true gradient, of its length", ylabel="across it")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
figure.tight_layout()
plt.show()
