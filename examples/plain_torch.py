"""Plain PyTorch, with all that goes with it: AMP, clipped gradients, an average of the weights."""

import tempfile

import torch
from skimage.data import chelsea
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

device = "cuda" if torch.cuda.is_available() else "cpu"
half = torch.float16 if device == "cuda" else torch.bfloat16  # only float16 needs the scaler
photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
schedule = auto(GridHierarchy(finest=(64, 64), levels=4), budget=40)  # work units


def losses(clean):  # on any level: one loss per sample, shape (n,)
    noisy = clean + 0.1 * torch.randn_like(clean)
    with torch.autocast(device, half):
        restored = model(noisy)
    return (restored.float() - clean).abs().mean((1, 2, 3))


def scaled_backward(loss):
    scaler.scale(loss).backward()


def train(until):
    for step in loader:
        optimizer.zero_grad(set_to_none=True)
        estimate = step.to(device, non_blocking=True).backward(losses, scaled_backward)
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        learning_rate.step(step)
        average.update_parameters(model)
        if step.number % 40 == 0:
            print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.4f}")
        if step.number + 1 == until:
            return


layers = nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1)
model = nn.Sequential(*layers).to(device)
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
learning_rate = WorkLR(optimizer)
scaler = torch.amp.GradScaler(device, enabled=half == torch.float16)
loader = ScheduledLoader(photos, schedule, pin_memory=device == "cuda")
names = "model", "average", "optimizer", "learning_rate", "scaler", "loader"

train(until=120)  # steps
with tempfile.TemporaryDirectory() as folder:  # your run's own
    torch.save({name: globals()[name].state_dict() for name in names}, f"{folder}/checkpoint.pt")

    # In another process, where the six are made anew:
    for name, state in torch.load(f"{folder}/checkpoint.pt", weights_only=True).items():
        globals()[name].load_state_dict(state)
train(until=schedule.steps)  # goes on with the samples that come next
