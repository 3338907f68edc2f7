"""torch.compile: one graph a level, each compiled once."""

import torch
from skimage.data import chelsea
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
device = "cuda" if torch.cuda.is_available() else "cpu"
grids = GridHierarchy(finest=(64, 64), levels=3)
network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
network.to(device)

torch._dynamo.config.recompile_limit = max(8, 2 * grids.levels)  # beyond it, nothing is compiled
compiled = torch.compile(
    network,
    dynamic=False,  # each level has one shape, and graphs of one shape are the fastest
    backend="inductor" if device == "cuda" else "aot_eager",  # which needs no C++ compiler
)


def losses(clean):  # on any level: one loss per sample, shape (n,)
    noisy = clean + 0.1 * torch.randn_like(clean)
    return (compiled(noisy) - clean).square().mean((1, 2, 3))


optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
learning_rate = WorkLR(optimizer)
for step in ScheduledLoader(photos, auto(grids, budget=20)):
    optimizer.zero_grad(set_to_none=True)
    estimate = step.to(device).backward(losses)
    optimizer.step()
    learning_rate.step(step)
    if step.number % 25 == 0:
        print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.4f}")
graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
print(f"{graphs} graphs were compiled, for {grids.levels} levels")
