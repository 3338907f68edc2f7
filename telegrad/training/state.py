"""What a run is at any moment: everything that changes while it trains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from telegrad.data.stream import CropStream
from telegrad.schedules import (
    Adaptation,
    EarlyStop,
    Heats,
    LearningRate,
    Schedule,
    Update,
    crop_side,
    is_schedule_free,
)
from telegrad.training.moving_average import MovingAverage
from telegrad.training.validation_plan import ValidationPlan


@dataclass
class Progress:
    """How far a run is, and what it came to.

    Attributes:
        iteration: steps made.
        best_loss: lowest validation loss.
        best_iteration: where it was reached; iterations count from 1.
        work_units: spent.
        seconds: of training, validation and saving not counted.
        validations: made.
        skipped: updates left out because loss or gradient was not finite.
        wall_seconds: with validations and saves.
        estimated_seconds: the same before it began; None where timing would have cost too much.
        peak_memory: in MiB, the most of any session; see `costs.peak_memory`.
    """

    iteration: int = 0
    best_loss: float = math.inf
    best_iteration: int = 0
    work_units: float = 0.0
    seconds: float = 0.0
    skipped: int = 0
    validations: int = 0
    wall_seconds: float = 0.0
    estimated_seconds: float | None = None
    peak_memory: float | None = None


@dataclass
class TrainingState:
    """Everything that changes while a run trains; put back, the run goes on as if never stopped.

    Args:
        network: called in training; as Fabric has set it up.
        optimizer: likewise.
        learning_rate: set before every update.
        schedule: of the run; it changes where a stage ends early, or batch sizes are chosen anew.
        stream: of crops; its seed is also that of the noise and of the network's randomness.
        progress: how far the run is.
        average: exponential moving average of the weights, which is then what is evaluated.
        early_stop: ends stages early, if there is one.
        heats: decides which heats are gone on from, if there are any.
        before_heat, leading: copies of weights, optimizer and average, while a round of heats runs:
            those that each begins with, and those of the best until now.
        adaptation: chooses batch sizes anew, if there is one.
        update: how a gradient is made, and what of it the optimizer is given.
        validation_plan: how often the run validates, on how many images; None for as was asked.
        scaler: scales losses in half precision.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    learning_rate: LearningRate
    schedule: Schedule
    stream: CropStream
    progress: Progress
    average: MovingAverage | None = None
    early_stop: EarlyStop | None = None
    heats: Heats | None = None
    before_heat: dict[str, Any] | None = None
    leading: dict[str, Any] | None = None
    adaptation: Adaptation | None = None
    update: Update = field(default_factory=Update)
    validation_plan: ValidationPlan | None = None
    scaler: torch.amp.GradScaler | None = None

    def train(self) -> None:
        """Before steps: dropout is on, and the weights are those that gradients are taken at."""
        self.network.train()
        if is_schedule_free(self.optimizer):
            self.optimizer.train()  # type: ignore[attr-defined]

    def eval(self) -> None:
        """Before the network is validated and kept: the weights are those that are to be used.

        A state that is saved for going on needs it not; what it holds tells which weights they are.
        """
        if is_schedule_free(self.optimizer):
            self.optimizer.eval()  # type: ignore[attr-defined]

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and saved as the best."""
        return self.network if self.average is None else self.average.module

    @property
    def crop(self) -> int:
        """Height in pixels of what the last step, or the first one to come, learned to make."""
        _, stage = self.schedule.at(max(self.progress.iteration - 1, 0))
        return crop_side(self.schedule, stage)

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers, under the names that states of version 0.1 have as well."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "stages": [asdict(stage) for stage in self.schedule.stages],
            "position": self.stream.position,
            "progress": asdict(self.progress),
            "crop": self.crop,
            "average": None if self.average is None else self.average.state_dict(),
            "controller": None if self.early_stop is None else asdict(self.early_stop),
            "heats": self.heats and asdict(self.heats),
            "before_heat": self.before_heat,
            "leading": self.leading,
            "probes": None if self.adaptation is None else self.adaptation.spent,
            "validation_plan": self.validation_plan and asdict(self.validation_plan),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave, but for the schedule, which the run is made with."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.stream.position = state["position"]
        self.progress = Progress(**state["progress"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.early_stop is not None:
            self.early_stop = EarlyStop(**state["controller"])
        heats = state.get("heats")  # none where the run began too short for any
        self.heats = None if heats is None else Heats(**heats)
        self.before_heat, self.leading = state.get("before_heat"), state.get("leading")
        if self.adaptation is not None:
            self.adaptation.spent = state["probes"]
        if state.get("validation_plan") is not None:
            self.validation_plan = ValidationPlan(**state["validation_plan"])
        if self.scaler is not None and state.get("scaler") is not None:
            self.scaler.load_state_dict(state["scaler"])
