"""Accelerate, with gradients accumulated over several steps of the schedule."""

import torch
from accelerate import Accelerator
from skimage.data import chelsea
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import fullmultiscale

photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
grids = GridHierarchy(finest=(64, 64), levels=3)
schedule = fullmultiscale(grids, steps=[80, 40, 20], batch_sizes=[8, 4, 2])


def losses(clean):  # on any level: one loss per sample, shape (n,)
    noisy = clean + 0.1 * torch.randn_like(clean)
    return (model(noisy) - clean).abs().mean((1, 2, 3))


accelerator = Accelerator(gradient_accumulation_steps=2)
model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
learning_rate = WorkLR(optimizer)
model, optimizer = accelerator.prepare(model, optimizer)
# The loader is not prepared: made after the Accelerator, it gives each process its own part.
loader = ScheduledLoader(photos, schedule)

for step in loader:
    with accelerator.accumulate(model):
        estimate = step.to(accelerator.device).backward(losses, accelerator.backward)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    learning_rate.step(step)
    if step.number % 20 == 0:
        loss = accelerator.reduce(estimate.loss, reduction="mean")
        accelerator.print(f"{step.progress:4.0%}  level {step.level}  loss {loss:.4f}")
