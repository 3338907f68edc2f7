"""DistributedDataParallel under torchrun; run plainly, it starts torchrun with two processes."""

import os
import subprocess
import sys

import torch
from skimage.data import chelsea
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import fullmultiscale


def losses(clean):  # on any level: one loss per sample, shape (n,)
    noisy = clean + 0.1 * torch.randn_like(clean)
    return (model(noisy) - clean).square().mean((1, 2, 3))


def main():
    photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
    grids = GridHierarchy(finest=(64, 64), levels=3)
    # Batch sizes are those of all processes together. The loader comes after init_process_group.
    schedule = fullmultiscale(grids, steps=[80, 40, 20], batch_sizes=[8, 4, 2])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    learning_rate = WorkLR(optimizer)
    for step in ScheduledLoader(photos, schedule):
        optimizer.zero_grad(set_to_none=True)
        estimate = step.backward(losses, no_sync=model.no_sync)  # one exchange a step
        optimizer.step()
        learning_rate.step(step)
        if step.number % 20 == 0:
            distributed.all_reduce(estimate.loss)
            if distributed.get_rank() == 0:
                loss = estimate.loss / distributed.get_world_size()
                print(f"{step.progress:4.0%}  level {step.level}  loss {loss:.4f}")


if "RANK" in os.environ:
    distributed.init_process_group("gloo")  # on GPUs "nccl", and tensors on cuda:LOCAL_RANK
    torch.manual_seed(distributed.get_rank())
    layers = nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1)
    model = DistributedDataParallel(nn.Sequential(*layers))
    main()
    distributed.destroy_process_group()
elif __name__ == "__main__":
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc_per_node=2", __file__]
    print(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
