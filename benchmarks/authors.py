"""Drives the code of the paper's authors, in a process that knows nothing of this library.

Called by `against_authors.py`, with a file of settings. Their package has the name of ours, so it
gets a process of its own. Their network, loss over levels, dataset wrapper, validation and logs are
called as their training script calls them; only where that script stands in the way of a run
(downloads, absolute paths, fixed numbers of iterations) something of the same form takes its place.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

STAGES = {
    "single": [(0, 0)],
    "multiscale": [(0, 3)],
    "fullmultiscale": [(0, 0), (1, 1), (2, 2), (3, 3)],
}
"""Their stages, and how many halvings their loss makes in each; four equal ones are one here."""


class Images(Dataset):
    """Image files as their datasets give them: (3, h, w) in [−1, 1], and a label."""

    def __init__(self, directory: Path) -> None:
        self.files = sorted(directory.glob("*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, int]:
        pixels = torch.from_numpy(np.array(Image.open(self.files[k]).convert("RGB")))
        return pixels.permute(2, 0, 1).float() / 127.5 - 1, 0


def build_network(models: Any, name: str, channels: int) -> torch.nn.Module:
    """Theirs, as their denoising script configures it but for the channels."""
    if name == "resnet":
        return models.resnet(
            in_channels=3, out_channels=3, hid_channels=channels, nlayers=2, time_embed=True
        )
    return models.UNetModel(
        in_channels=3,
        model_channels=channels,
        out_channels=3,
        num_res_blocks=1,
        dropout=0.5,
        channel_mult=(1, 2, 4),
        attention_resolutions=[],
    )


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    sys.path.insert(0, settings["checkout"])
    from multiscale import models, utils  # type: ignore[attr-defined]

    import train_denoising as script  # type: ignore[import-not-found]

    utils.set_seed(settings["seed"])
    network = build_network(models, settings["network"], settings["channels"])
    data, out = Path(settings["data_dir"]), Path(settings["out"])
    size_now = type("DynamicBatchSize", (), {"current_size": 16})()
    wrapped = utils.DynamicBatchData(Images(data / "train"), size_now)
    loader = DataLoader(wrapped, batch_size=None, shuffle=False, num_workers=4)
    valid_loader = DataLoader(Images(data / "val"), batch_size=512, shuffle=False, num_workers=4)
    adam = torch.optim.Adam(network.parameters(), lr=5e-4)
    with contextlib.redirect_stdout(io.StringIO()):
        *_, train_log, valid_log = utils.setup_logging("denoising", 0, str(out))

    train_losses: list[float] = []
    valid_losses: list[float] = []
    logged: list[float] = []

    def step(stage: int, levels: int) -> float:
        """One of their iterations; seconds with data, validation and logs."""
        started = time.perf_counter()
        coarse = settings["mode"] == "fullmultiscale"
        factor = 2 ** (3 - stage) if coarse else 1
        adam.zero_grad()
        loss = script.train_multiscale_loss_denoising(
            network, loader, levels=levels, batch_size0=16 * factor, scale=1 / factor
        )
        loss.backward()
        adam.step()
        logged.append(time.perf_counter() - started)
        train_losses.append(loss.item())
        if settings["validate"]:
            valid_losses.append(script.val_loss(network, valid_loader).item())
            utils.save_logs(train_log, valid_log, train_losses, valid_losses, logged)
        return time.perf_counter() - started

    # as many iterations as the time allows, in the proportions of their schedule
    stages = STAGES[settings["mode"]]
    before = copy.deepcopy((network.state_dict(), adam.state_dict()))
    step(*stages[0])  # warms up
    of_stage = [step(*stage) for stage in stages]
    network.load_state_dict(before[0])
    adam.load_state_dict(before[1])
    shares = utils.get_iteration_schedule(settings["mode"])[-len(stages) :]
    rounds = settings["seconds"] / sum(n * s for n, s in zip(shares, of_stage, strict=True))
    iterations = [max(1, round(rounds * n)) for n in shares]
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, sum(iterations), eta_min=1e-6)

    for written in (train_losses, valid_losses, logged):
        written.clear()
    started = time.perf_counter()
    for stage, number in zip(stages, iterations, strict=True):
        for _ in range(number):
            step(*stage)
            cosine.step()
    took = time.perf_counter() - started
    torch.save(network.state_dict(), out / "network.pt")
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    found = {
        "steps": sum(iterations),
        "step": statistics.mean(logged),
        "with_all": took / sum(iterations),
        "took": took,
        "memory": peaks[0],
        "largest_worker": peaks[1],
    }
    (out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
