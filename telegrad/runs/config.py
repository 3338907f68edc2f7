"""A run is a value, composed of parts: everything that decides its outcome."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn

from telegrad import __version__
from telegrad.data import Data
from telegrad.errors import did_you_mean
from telegrad.records import RunDirectory
from telegrad.runs.component import KINDS, Component
from telegrad.runs.network import network_arguments
from telegrad.runs.settings import SETTINGS, Init, Output, Runtime, ValidationSettings
from telegrad.runs.version_0_1 import converted, is_of_0_1
from telegrad.schedules import Strategy, Update, is_schedule_free
from telegrad.tasks import Task

MOST_SEED = 2**63 - 1

HALVED = 8
"""Times three, crops can be halved."""

CROPS = 64
"""To validate on, where nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training run.

    Each component is given as its name, its class, an object of it, or a `Component` with
    arguments; a network's weights depend on the seed, so name the network rather than build it. An
    optimizer is never an object.

    >>> from telegrad.schedules import Auto
    >>> config = Config(task="Denoising", network=Component.of("network", "ResNet", channels=8),
    ...                 strategy=Auto(budget="500wu"))
    >>> config.name
    'denoising_s25_photographs_resnet_auto_run1'

    Attributes:
        task: what is undone.
        network: that undoes it; the task's own if not given.
        data: images to train on and to validate on; the task's own if not given.
        loss: of a restored image; the task's own if not given.
        optimizer: and its arguments, the task's own if not given; its `lr` is the highest learning
            rate, the strategy's own if not given.
        strategy: which levels, how many samples on each, for how long; the task's own if not given.
        init: weights to start from; random ones if not given.
        update: clipping and accumulation of gradients.
        validation: when, on how many images.
        runtime: device, precision, memory.
        output: where everything goes.
        seed: of crops, noise and weights, as separate streams.

    Raises:
        ValueError: for parts that can't be, or don't suit each other.
    """

    task: Any = "Denoising"
    network: Any = None
    data: Any = None
    loss: Any = None
    optimizer: Any = None
    strategy: Any = None
    init: Init = field(default_factory=Init)
    update: Update = field(default_factory=Update)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    runtime: Runtime = field(default_factory=Runtime)
    output: Output = field(default_factory=Output)
    seed: int = 42

    def __post_init__(self) -> None:
        for name in KINDS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Component.of(name, getattr(self, name)))
        task = self.build_task()
        for name in ("network", "data", "strategy"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default_of(name, task))
        if self.optimizer is None:
            usual = default_optimizer(type(task), self.strategy.factory)
            object.__setattr__(self, "optimizer", Component.of("optimizer", usual))
        network_arguments(self.network, task)
        for name, kind in SETTINGS.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name}={getattr(self, name)!r}: needs {kind.__name__}(…).")
        whole = isinstance(self.seed, int) and not isinstance(self.seed, bool)
        if not whole or not 0 <= self.seed <= MOST_SEED:
            raise ValueError(f"seed={self.seed!r}: needs a whole number from 0 to {MOST_SEED}.")
        self._fit_crops(task)
        self.build_strategy().learning_rate(self.optimizer.init_args.get("lr"))
        check_optimizer(self.optimizer)
        if self.schedule_free:
            self._check_schedule_free()

    def _fit_crops(self, task: Task) -> None:
        """Crops of the dataset's own size, where nothing is said, become what the task can halve.

        Enlarging three times on crops of 64×64 becomes 48×48.
        """
        data = self.build_data()
        unit = math.lcm(HALVED, task.divisor)
        fits = data.crop // unit * unit
        if data.size is None and data.crop % task.divisor and fits and self.data.instance is None:
            arguments = {**self.data.init_args, "size": fits}
            object.__setattr__(self, "data", replace(self.data, init_args=arguments))

    def _check_schedule_free(self) -> None:
        """Raises ValueError for options that such an optimizer takes the place of."""
        for name, value in (
            ("decay", self.build_strategy().decay),
            ("ema", self.validation.ema or None),
        ):
            if value is not None:
                raise ValueError(
                    f"{name}={value}: {self.optimizer.short_name} averages the weights itself, at "
                    f"a constant learning rate; leave {name} out, or use another optimizer."
                )

    def build_task(self) -> Task:
        return self.task.build()

    def build_data(self) -> Data:
        return self.data.build()

    def build_strategy(self) -> Strategy:
        return self.strategy.build()

    @property
    def name(self) -> str:
        """Of the run, and of its files."""
        parts = (
            *(self.build_task().name, self.build_data().name, self.network.short_name.lower()),
            *(self.build_strategy().name, f"run{self.output.run_id}"),
        )
        return "_".join(parts)

    @property
    def label(self) -> str:
        """By which a comparison or a report lists it."""
        return self.output.label or self.build_strategy().name

    @property
    def directory(self) -> RunDirectory:
        """What the run writes."""
        return RunDirectory(self.output.directory, self.name)

    @property
    def validations(self) -> int:
        """How many; in a budget of time maybe fewer, see `ValidationPlan`."""
        return self.validation.times or self.build_strategy().default_validations

    @property
    def crops(self) -> int:
        """How many are validated on; in a budget of time maybe fewer, see `ValidationPlan`."""
        return self.validation.images or CROPS

    @property
    def schedule_free(self) -> bool:
        """Whether the optimizer averages the weights itself, see `is_schedule_free`."""
        return is_schedule_free(optimizer_like(self.optimizer))

    @property
    def ema(self) -> float | None:
        """Decay of the average of weights that is validated and kept; None for no average."""
        if self.schedule_free:
            return None
        asked = self.validation.ema
        return self.build_task().default_ema if asked is None else asked or None

    def with_output(self, **changes: Any) -> Config:
        """The same run, written elsewhere or under another number."""
        return replace(self, output=replace(self.output, **changes))

    def to_dict(self) -> dict[str, Any]:
        """For a file: the whole of the run, as plain data."""
        content: dict[str, Any] = {"telegrad": __version__}
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Component):
                value = value.to_dict()
            elif part.name in SETTINGS:
                value = asdict(value)
            content[part.name] = value
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], **instead: Any) -> Config:
        """The run that a file describes, which may be a stranger's, or of version 0.1.

        Args:
            content: what `to_dict` gave.
            instead: parts that take the place of the file's.

        Raises:
            ValueError: if it is not the description of a run, or names something that can't be
                imported or is not a class of the kind needed; nothing else is called.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"not the description of a run: {type(content).__name__}.")
        parts = parts_from_file({k: v for k, v in content.items() if k not in instead})
        for name, kind in SETTINGS.items():
            if name in parts:
                parts[name] = kind(**parts[name])
        return cls(**parts, **instead)


def default_of(kind: str, task: Task) -> Component:
    """A part of a run as the task has it where nothing is said."""
    length = {"budget": task.default_budget} if task.default_budget is not None else {}
    own = length if kind == "strategy" else {}
    return Component.of(kind, getattr(task, f"default_{kind}"), **own)


def default_optimizer(task: type[Task], strategy: Any) -> str:
    """The task's own optimizer; the strategy's where the task has none; or else AdamW.

    Args:
        task: its class.
        strategy: its class, or a function that makes it.
    """
    of_strategy: str | None = getattr(strategy, "default_optimizer", None)
    return task.default_optimizer or of_strategy or "AdamW"


def optimizer_like(optimizer: Component) -> Any:
    """The optimizer's class; where a function makes it, what that makes for weights of every shape.

    None if it makes nothing of them: what it needs is told once the network is there.
    """
    if inspect.isclass(optimizer.factory):
        return optimizer.factory
    weights = [nn.Parameter(torch.zeros([8] * dimensions)) for dimensions in range(1, 5)]
    try:
        return optimizer.build(weights, lr=optimizer.init_args.get("lr") or 1e-3)
    except Exception:  # a function of the user's own can fail in any way
        return None


def check_optimizer(optimizer: Component) -> None:
    """Raises ValueError for one that takes more than the gradient of a step, or another kind."""
    like = optimizer_like(optimizer)
    step = {} if like is None else inspect.signature(like.step).parameters
    if "closure" in step and step["closure"].default is inspect.Parameter.empty:
        raise ValueError(
            f"optimizer {optimizer.short_name}: its step takes a closure, which evaluates the loss "
            f"several times; needs an optimizer that takes one gradient, such as AdamW."
        )
    if optimizer.factory is torch.optim.SparseAdam:
        raise ValueError("optimizer SparseAdam: gradients here are dense; use Adam or AdamW.")


def parts_from_file(content: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a run as a file describes them: components, settings as dictionaries, the seed.

    Raises:
        ValueError: see `Config.from_dict`.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"not the description of a run: {type(content).__name__}.")
    if is_of_0_1(content):
        content = converted(content)
    names = [part.name for part in fields(Config)]
    if unknown := [name for name in content if name not in (*names, "telegrad")]:
        guess = did_you_mean(str(unknown[0]), names) or f"; parts are {', '.join(names)}."
        raise ValueError(f"not a part of a run: {unknown[0]!r}{guess}")
    parts: dict[str, Any] = {}
    for name, value in content.items():
        if name in KINDS and value is not None:
            parts[name] = Component.from_file(name, value)
        elif name in SETTINGS:
            known = [part.name for part in fields(SETTINGS[name])]
            if not isinstance(value, Mapping) or not set(value) <= set(known):
                raise ValueError(f"{name}={value!r}: needs some of {', '.join(known)}.")
            parts[name] = dict(value)
        elif name != "telegrad":
            parts[name] = value
    return parts
