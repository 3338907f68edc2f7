"""Super-resolution as in BasicSR: folders of pairs, samples "lq" and "gt", a pixel shuffle, L1."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.data import astronaut, chelsea
from torch import nn
from torch.utils.data import Dataset

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto

SCALE = 2


class PairedImageDataset(Dataset):
    """Images of two folders by name, whole: the loader crops both alike."""

    def __init__(self, lq, gt):
        self.paths = [(path, Path(gt, path.name)) for path in sorted(Path(lq).glob("*.png"))]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, k):
        lq, gt = (np.array(Image.open(path)) / np.float32(255) for path in self.paths[k])
        lq, gt = (torch.from_numpy(image).permute(2, 0, 1) for image in (lq, gt))
        return {"lq": lq, "gt": gt, "lq_path": str(self.paths[k][0])}


def write_pairs(lq_folder, gt_folder):
    for name, photo in (("astronaut", astronaut()), ("chelsea", chelsea())):
        gt = Image.fromarray(photo[:128, 128:256])
        lq = gt.resize((gt.width // SCALE, gt.height // SCALE), Image.Resampling.BICUBIC)
        lq.save(Path(lq_folder, f"{name}.png"))
        gt.save(Path(gt_folder, f"{name}.png"))


def losses(batch):  # on any level: one loss per sample, shape (n,)
    return (net_g(batch["lq"]) - batch["gt"]).abs().mean((1, 2, 3))


shuffle = nn.Sequential(nn.Conv2d(16, 3 * SCALE**2, 3, padding=1), nn.PixelShuffle(SCALE))
net_g = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), shuffle)
optimizer_g = torch.optim.Adam(net_g.parameters(), lr=2e-3, betas=(0.9, 0.99))
learning_rate = WorkLR(optimizer_g)
with tempfile.TemporaryDirectory() as lq, tempfile.TemporaryDirectory() as gt:
    write_pairs(lq, gt)
    schedule = auto(GridHierarchy(finest=(64, 64), levels=3), budget=16)  # of gt
    for step in ScheduledLoader(PairedImageDataset(lq, gt), schedule):
        optimizer_g.zero_grad()
        l_pix = step.backward(losses)
        optimizer_g.step()
        learning_rate.step(step)
        if step.number % 25 == 0:
            name = Path(step.batch["lq_path"][0]).stem
            print(f"iter {step.number:3}  level {step.level}  loss {l_pix.loss:.4f}  {name}")
