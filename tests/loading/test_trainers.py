"""Trainers of others go on in the middle of a schedule with the same samples."""

import lightning
import pytest
import torch
from accelerate import Accelerator

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto, fullmultiscale

GRIDS = GridHierarchy(finest=(16, 16), levels=3)
PHOTOS = torch.rand(7, 3, 24, 20, generator=torch.Generator().manual_seed(0))
QUIET = {
    **{f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")},
    "logger": False,
    "accelerator": "cpu",
    "max_epochs": 1,
}


class Module(lightning.LightningModule):
    def __init__(self, save_at=None, path=None):
        super().__init__()
        self.network = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.automatic_optimization = False
        self.save_at, self.path, self.seen = save_at, path, []

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

    def train_dataloader(self):
        schedule = fullmultiscale(GRIDS, steps=[4, 3, 2], batch_sizes=[4, 2, 1])
        return ScheduledLoader(PHOTOS, schedule)

    def training_step(self, step, _):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        losses = lambda x: (self.network(x) - x).square().mean((1, 2, 3))  # noqa: E731
        step.backward(losses, self.manual_backward)
        optimizer.step()
        self.seen.append((step.number, step.batches[step.level]))

    def on_train_batch_end(self, outputs, step, _):
        if step.number == self.save_at:
            self.trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("save_at", [1, 3, 7])
def test_lightning_goes_on_in_the_middle_of_its_epoch(save_at, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "middle.ckpt"
    whole, rest = Module(save_at, path), Module()
    lightning.Trainer(**QUIET).fit(whole)
    lightning.Trainer(**QUIET).fit(rest, ckpt_path=path)
    assert [number for number, _ in whole.seen] == list(range(9))
    expected = whole.seen[save_at + 1 :]
    assert [number for number, _ in rest.seen] == [number for number, _ in expected]
    for (_, own), (_, other) in zip(rest.seen, expected, strict=True):
        assert torch.equal(own, other)
    assert torch.equal(whole.network.weight, rest.network.weight)


def test_accelerate_saves_and_loads_loader_and_learning_rate(tmp_path):
    def made():
        accelerator, network = Accelerator(cpu=True), torch.nn.Conv2d(3, 3, 3)
        learning_rate = WorkLR(torch.optim.Adam(network.parameters()))
        schedule = fullmultiscale(GRIDS, steps=[4, 3, 2], batch_sizes=[4, 2, 1])
        loader = ScheduledLoader(PHOTOS, schedule)
        accelerator.register_for_checkpointing(loader, learning_rate)
        return accelerator, loader, learning_rate

    accelerator, loader, learning_rate = made()
    expected = []
    for step in loader:
        learning_rate.step(step)
        if step.number == 4:
            accelerator.save_state(tmp_path)
            progress = learning_rate.progress
        elif step.number > 4:
            expected.append(step.batches[step.level])
    accelerator, loader, learning_rate = made()
    accelerator.load_state(tmp_path)
    assert learning_rate.progress == progress
    for step, batch in zip(loader, expected, strict=True):
        assert torch.equal(step.batches[step.level], batch)


def test_lightning_keeps_a_budget_of_time():
    """It takes the loader for one without a length, which time has none of beforehand."""
    now = [1000.0]

    class InTime(Module):
        def train_dataloader(self):
            return ScheduledLoader(PHOTOS, auto(GRIDS, "40s"), clock=lambda: now[0])

        def training_step(self, step, index):
            super().training_step(step, index)
            now[0] += 0.1

    module = InTime()
    lightning.Trainer(**QUIET).fit(module)
    assert now[0] - 1000 == pytest.approx(40, rel=0.05)
    assert [number for number, _ in module.seen] == list(range(len(module.seen)))
