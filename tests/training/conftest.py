import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from telegrad.data.pyramid import Pyramid
from telegrad.data.stream import CropStream
from telegrad.mge import CoupledDropout
from telegrad.records import Records, RunDirectory
from telegrad.schedules import LearningRate, fullmultiscale
from telegrad.tasks import Objective, PaperDenoising
from telegrad.training import (
    MovingAverage,
    Progress,
    TrainingState,
    Validation,
    progress_bar,
    train,
)
from telegrad.training.interruptions import Interrupted


class SmallNetwork(torch.nn.Module):
    """With dropout, so that randomness shows."""

    def __init__(self):
        super().__init__()
        self.first, self.last = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 3, 1)
        self.dropout = CoupledDropout(0.2)

    def forward(self, x, t):
        return x + self.last(self.dropout(self.first(x).relu()))


def in_memory(grids, number=5):
    """A pyramid of random images, each 8 pixels larger than a crop."""
    random, levels = np.random.default_rng(0), []
    for _ in range(number):
        fine = random.integers(0, 256, (grids.finest[0] + 8, grids.finest[1] + 8, 3), np.uint8)
        level = [fine]
        while len(level) < grids.levels:
            h, w, c = level[0].shape
            blocks = level[0].reshape(h // 2, 2, w // 2, 2, c).mean((1, 3))
            level.insert(0, blocks.round().astype(np.uint8))
        levels.append({"clean": level})
    return Pyramid(grids, levels)


@pytest.fixture
def stopped_after(monkeypatch):
    """Runs what is given, with a SIGINT after the step of that number."""

    def stop(after, go):
        trained = Records.trained

        def interrupted(self, iteration, *row):
            trained(self, iteration, *row)
            if iteration == after:
                signal.raise_signal(signal.SIGINT)

        with monkeypatch.context() as context:
            context.setattr(Records, "trained", interrupted)
            with pytest.raises(Interrupted, match=f"stopped after iteration {after}"):
                go()

    return stop


@pytest.fixture
def a_run(tmp_path):
    """Makes the parts of a small run, and `go`, which trains."""

    def parts(
        name="run1",
        schedule=None,
        *,
        task=None,
        ema=0.9,
        keep=None,
        validations=4,
        half=None,
        **more,
    ):
        from telegrad.mge import GridHierarchy

        if schedule is None:
            grids = GridHierarchy((16, 16), levels=2)
            schedule = fullmultiscale(grids, steps=(8, 6), batch_sizes=(4, 2))
        fabric = Fabric(accelerator="cpu", devices=1, plugins=half)
        torch.manual_seed(0)
        network = SmallNetwork()
        average = None if ema is None else MovingAverage(network, ema)
        model, optimizer = fabric.setup(network, torch.optim.Adam(network.parameters(), lr=1e-2))
        stream = CropStream(in_memory(schedule.grids), seed=3)
        rate = LearningRate(1e-2)
        state = TrainingState(model, optimizer, rate, schedule, stream, Progress(), average, **more)
        objective = Objective(task or PaperDenoising())
        (crops,) = CropStream(stream.pyramid, seed=4).take([4], schedule.grids.levels - 1)
        validation = Validation(objective, {"clean": crops["clean"] / 127.5 - 1})
        files = RunDirectory(tmp_path, name)
        made = SimpleNamespace(
            fabric=fabric, state=state, objective=objective, validation=validation, files=files
        )

        def go(**options):
            levels = state.adaptation is not None
            kept = state.progress.iteration if keep else None
            with (
                Records(files, {}, overwrite=False, logs_levels=levels, keep=kept) as records,
                progress_bar(state.schedule, state.progress.work_units, shown=False) as bar,
            ):
                options = {"validations": validations} | options
                train(fabric, state, objective, validation, records, bar, **options)
            return made

        made.go = go
        return made

    return parts
