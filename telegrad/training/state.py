"""What a run is at any moment: everything that changes while it trains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from telegrad.data.stream import CropStream
from telegrad.schedules.adaptation import Adaptation
from telegrad.schedules.early_stop import Controller
from telegrad.schedules.schedule import Schedule


@dataclass
class Progress:
    """How far a run is, and what it came to.

    Attributes:
        iteration: steps made.
        best_loss: lowest validation loss.
        best_iteration: where it was reached; iterations count from 1.
        work_units: spent.
        seconds: of training, validation and saving not counted.
        skipped: updates left out because loss or gradient was not finite.
    """

    iteration: int = 0
    best_loss: float = math.inf
    best_iteration: int = 0
    work_units: float = 0.0
    seconds: float = 0.0
    skipped: int = 0


@dataclass
class TrainingState:
    """Everything that changes while a run trains; put back, the run goes on as if never stopped.

    Args:
        network: called in training; as Fabric has set it up.
        optimizer: likewise.
        learning_rate: set before every update.
        schedule: of the run; it changes where a controller moves on.
        stream: of crops; its seed is also that of the noise and of the network's randomness.
        progress: how far the run is.
        average: exponential moving average of the weights, which is then what is evaluated.
        controller: ends stages early, if there is one.
        adaptation: chooses batch sizes anew, if there is one.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    learning_rate: LearningRate
    schedule: Schedule
    stream: CropStream
    progress: Progress
    average: AveragedModel | None = None
    controller: Controller | None = None
    adaptation: Adaptation | None = None

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and saved as the best."""
        return self.network if self.average is None else self.average.module

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "stages": [asdict(stage) for stage in self.schedule.stages],
            "position": self.stream.position,
            "progress": asdict(self.progress),
            "average": None if self.average is None else self.average.state_dict(),
            "controller": None if self.controller is None else asdict(self.controller),
            "probes": None if self.adaptation is None else self.adaptation.spent,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave, but for the schedule, which the run is made with."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.stream.position = state["position"]
        self.progress = Progress(**state["progress"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.controller is not None:
            self.controller = Controller(**state["controller"])
        if self.adaptation is not None:
            self.adaptation.spent = state["probes"]


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the weights (torch's own `AveragedModel`)."""
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))


@dataclass(frozen=True)
class LearningRate:
    """The learning rate at any moment of a run; a run with more work is on a longer curve at once.

    Attributes:
        highest: at the beginning.
        lowest: at the end.
        decay: None: half a cosine over all steps. Else the last part of the work, in (0, 1], over
            which it falls linearly; before that it is constant, so that stages may change length.
    """

    highest: float
    lowest: float = 1e-6
    decay: float | None = None

    def at(self, schedule: Schedule, progress: Progress) -> float:
        """Of the next step."""
        if self.decay is None:
            past = min(progress.iteration / schedule.steps, 1.0)
            height = (1 + math.cos(math.pi * past)) / 2
        else:
            left = 1 - progress.work_units / schedule.work_units
            height = min(max(left / self.decay, 0.0), 1.0)
        return self.lowest + (self.highest - self.lowest) * height
