"""Lightning: manual optimization takes any schedule, automatic one those of one level a step."""

import lightning
import torch
from skimage.data import chelsea
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto, fullmultiscale

photos = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
grids = GridHierarchy(finest=(64, 64), levels=3)


class Denoiser(lightning.LightningModule):
    def __init__(self, schedule, automatic):
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1))
        self.schedule, self.automatic_optimization = schedule, automatic

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)
        self.learning_rate = WorkLR(optimizer)
        return optimizer

    def train_dataloader(self):  # made here, where the processes of several devices are known
        return ScheduledLoader(photos, self.schedule)

    def losses(self, clean):  # on any level: one loss per sample, shape (n,)
        noisy = clean + 0.1 * torch.randn_like(clean)
        return (self.network(noisy) - clean).square().mean((1, 2, 3))

    def training_step(self, step, _):
        if self.automatic_optimization:
            loss = self.losses(step.batch).mean()
        else:
            optimizer = self.optimizers()
            optimizer.zero_grad()
            loss = step.backward(self.losses, self.manual_backward).loss
            optimizer.step()
        self.log("loss", loss)
        return loss

    def on_train_batch_end(self, outputs, step, _):
        self.learning_rate.step(step)
        if step.number % 50 == 0:
            print(f"{step.progress:4.0%}  level {step.level}  loss {outputs['loss']:.4f}")


quiet = {f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")}
telescoping = fullmultiscale(grids, steps=[60, 30, 15], batch_sizes=[8, 4, 2])
for schedule, automatic in ((telescoping, False), (auto(grids, budget=40), True)):
    trainer = lightning.Trainer(max_epochs=1, logger=False, **quiet)
    trainer.fit(Denoiser(schedule, automatic))
