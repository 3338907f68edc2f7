"""Coarse to fine in a training loop of one's own: pairs of images, L1, AdamW, worker processes."""

import torch
from skimage.data import chelsea
from torch.utils.data import Dataset

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto


class Pairs(Dataset):
    """A photograph, and the same with noise; any class with `__len__` and `__getitem__` will do."""

    def __init__(self):
        self.photo = torch.from_numpy(chelsea().copy()).permute(2, 0, 1).float() / 255

    def __len__(self):
        return 8

    def __getitem__(self, k):
        flipped = self.photo.flip(-1) if k % 2 else self.photo
        noise = torch.randn(flipped.shape)
        return {"clean": flipped, "noise": noise, "name": f"chelsea {k}"}


def losses(batch):  # on any level: one loss per sample, shape (n,)
    noisy = batch["clean"] + 0.1 * batch["noise"]
    return (model(noisy) - batch["clean"]).abs().mean((1, 2, 3))


def main():
    schedule = auto(GridHierarchy(finest=(64, 64), levels=4), budget=60)  # work units
    print(schedule)
    loader = ScheduledLoader(Pairs(), schedule, restriction={"noise": "white_noise"}, num_workers=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    learning_rate = WorkLR(optimizer)  # falls with work, not with steps
    for step in loader:
        optimizer.zero_grad(set_to_none=True)
        estimate = step.backward(losses)  # one level, or a telescoping sum: the same line
        optimizer.step()
        learning_rate.step(step)
        if step.number % 50 == 0:
            names = step.batches[step.level]["name"]
            print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.4f}  {names[0]}")


model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 3, 3, padding=1)
)

if __name__ == "__main__":
    main()
