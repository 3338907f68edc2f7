"""Your own model, loss and DataLoader: one line of the loop changes."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from telegrad import GridHierarchy, geometric_batch_sizes, multiscale_backward

model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
sharp = torch.rand(64, 3, 64, 64)
blurred = nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)


def losses(batch):  # on any level: one loss per sample, shape (n,)
    blurred, sharp = batch
    return (model(blurred) - sharp).square().mean((1, 2, 3))


grids = GridHierarchy(finest=(64, 64), levels=3)  # 16×16, 32×32, 64×64
sizes = geometric_batch_sizes(levels=3, finest=4, ratio=2)  # (16, 8, 4), coarsest first
loader = DataLoader(TensorDataset(blurred, sharp), sizes[0], shuffle=True, drop_last=True)

for batch in loader:
    optimizer.zero_grad()
    estimate = multiscale_backward(
        losses, batch, grids, sizes
    )  # was losses(batch).mean().backward()
    optimizer.step()
    print(f"loss {estimate.loss:.4f}, {estimate.work_units:g} work units")
