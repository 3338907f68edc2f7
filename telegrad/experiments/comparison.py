"""What is compared: tasks × networks × strategies × seeds, each a run of the same budget."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from telegrad.experiments.arguments import check_arguments
from telegrad.experiments.overlay import overlaid
from telegrad.networks import check_network
from telegrad.runs.build import build_network, build_objective, build_schedule, check_loss
from telegrad.runs.component import KINDS
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.initial_weights import start_from

Options = dict[str, Any]
"""Options of a run, by name."""

Contestant = tuple[str, str, str]
"""Task, network, and the strategy's name."""

BASELINES: dict[str, Options] = {
    "single, batch 16": {"strategy": "Single", "batch_size": 16, "decay": 0.3},
    "single, batch 2": {"strategy": "Single", "batch_size": 2, "decay": 0.3},
    "random patches": {"strategy": "RandomPatches", "batch_size": 4, "decay": 0.3},
    "growing patches": {"strategy": "GrowingPatches", "batch_size": 4, "decay": 0.3},
    "progressive resizing": {"strategy": "ProgressiveResizing", "batch_size": 4, "decay": 0.3},
    "cascadic": {"strategy": "Cascadic", "batch_size": 4, "decay": 0.3},
    "multiscale": {"strategy": "Multiscale", "batch_size": 2, "ratio": 2, "decay": 0.3},
    "full multiscale": {"strategy": "FullMultiscale", "batch_size": 2, "ratio": 2, "decay": 0.3},
    "auto": {"strategy": "telegrad.schedules.Auto"},
}
"""The library's strategies, and what one would train with instead."""

RATE = ", rate "
"""What stands in a run's label between its strategy and a learning rate that is tried."""

VALIDATED = 32
"""Crops of a validation in a budget of time, where nothing is said: the same for all runs, whatever
time each has for them."""

EQUAL = 0.02
"""By what part the work of runs may differ that are said to have an equal budget."""

SET_FOR_EACH = frozenset(
    {
        *("task", "network", "seed", "label", "out", "run_id"),
        *("output.label", "output.directory", "output.run_id"),
    }
)
"""Options of a run that a comparison sets itself."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that differ in task, network, strategy and seed alone.

    Each run is a process that reads its options from a file, so whatever it is made of must be a
    class, named by a short name of ours or by a dotted path.

    Args:
        tasks: what is undone.
        networks: each task is trained with each of them.
        strategies: options of a run by the strategy's name; or names of those in `BASELINES`,
            of our own, or dotted paths.
        seeds: three or more tell differences from chance.
        learning_rates: over which every strategy is tuned: each is tried with the first seed, and
            the other seeds take the rate with the lowest validation loss.
        of_task: options of one task's runs, such as {deblurring: {sigma: 2}}.
        options: of all runs; those of a task and of a strategy go before them.
        equal_budgets: whether strategies must cost the same, to within 2 % of their work units.

    Raises:
        ValueError: for wrong options of any run, before the first; and if budgets differ.
    """

    tasks: list[str] = field(default_factory=lambda: ["denoising"])
    networks: list[str] = field(default_factory=lambda: ["ResNet"])
    strategies: dict[str, Options] | list[str] = field(default_factory=lambda: list(BASELINES))
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    learning_rates: list[float] | None = None
    of_task: dict[str, Options] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    equal_budgets: bool = True

    def __post_init__(self) -> None:
        check_arguments(self)
        for task in self.of_task:
            if task not in self.tasks:
                raise ValueError(
                    f"of_task has options of {task}, which is not one of the tasks "
                    f"{', '.join(self.tasks)}."
                )
        configs = [
            self.config(Path(), contestant, seed, rate)
            for seed in self.seeds
            for contestant in self.contestants
            for rate in self.rates
        ]
        problems = {(config.task.class_path, config.network.class_path) for config in configs}
        if len(problems) < len(self.tasks) * len(self.networks):
            raise ValueError(
                f"tasks={self.tasks!r}, networks={self.networks!r}; two names stand for one class, "
                f"and each is needed once."
            )
        if len({config.output.directory for config in configs}) < len(configs):
            raise ValueError(
                f"two of the strategies {list(self.options_of_strategies)} have the same "
                f"letters and digits, so the same directory; give them other names."
            )
        if self.equal_budgets:
            self._check_budgets()
        self._check_networks()

    @property
    def options_of_strategies(self) -> dict[str, Options]:
        """The options that each strategy's name stands for."""
        if isinstance(self.strategies, dict):
            return {name: dict(options or {}) for name, options in self.strategies.items()}
        own = KINDS["strategy"].names()
        known = {name: {"strategy": name} for name in own}
        known |= {getattr(kind, "name", name): {"strategy": name} for name, kind in own.items()}
        known |= BASELINES
        for name in self.strategies:
            if name not in known and "." in name:
                known[name] = {"strategy": name}
            if name not in known:
                raise ValueError(
                    f"strategy {name!r} is not known; needs one of {', '.join(map(repr, known))}, "
                    f"a dotted path, or its options: {{name: {{strategy: …}}}}."
                )
        return {name: known[name] for name in self.strategies}

    @property
    def contestants(self) -> list[Contestant]:
        """All (task, network, strategy)."""
        names = self.tasks, self.networks, self.options_of_strategies
        return list(itertools.product(*names))

    @property
    def rates(self) -> Sequence[float | None]:
        """Learning rates that are tried; None is the one of a strategy's own options."""
        return self.learning_rates or [None]

    def config(
        self, directory: Path, contestant: Contestant, seed: int, rate: float | None = None
    ) -> Config:
        """The run with that seed and learning rate, in a results directory of its own."""
        task, network, strategy = contestant
        if (contestant, rate) not in self._composed:
            self._composed[contestant, rate] = self._compose(contestant, rate)
        config = self._composed[contestant, rate]
        label = strategy if rate is None else f"{strategy}{RATE}{rate:g}"
        problem = f"{_as_file_name(task)}_{_as_file_name(network)}"
        place = directory / problem / _as_file_name(label) / f"seed{seed}"
        cache_dir = config.runtime.cache_dir or str(directory / "cache")  # one for all runs
        return replace(
            config,
            seed=seed,
            output=replace(config.output, directory=str(place), label=label),
            runtime=replace(config.runtime, cache_dir=cache_dir),
        )

    @cached_property
    def _composed(self) -> dict[tuple[Contestant, float | None], Config]:
        """Runs without their seed and place: composing takes a while."""
        return {}

    def _compose(self, contestant: Contestant, rate: float | None) -> Config:
        task, network, strategy = contestant
        options = overlaid(
            self.options,
            self.of_task.get(task) or {},
            self.options_of_strategies[strategy],
            {} if rate is None else {"learning_rate": rate},
        )
        if taken := options.keys() & SET_FOR_EACH:
            raise ValueError(
                f"{', '.join(sorted(taken))} can't be an option of {strategy!r}; it is "
                f"set for each run by tasks, networks, seeds and the results directory."
            )
        try:
            config = compose(options | {"task": task, "network": network})
            if config.build_strategy().time_limit and config.validation.images is None:
                config = replace(config, validation=replace(config.validation, images=VALIDATED))
            build_schedule(config)
            check_written(config)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{_named(*contestant)}: {error}") from error
        return config

    def _check_networks(self) -> None:
        """Each network once at the smallest size that a strategy trains it at, and its loss."""
        checked = set()
        for contestant in self.contestants:
            config = self.config(Path(), contestant, self.seeds[0])
            schedule, what = build_schedule(config), config.to_dict()
            shape = min(schedule.stage_grids(stage).shape(0) for stage in schedule.stages)
            key = json.dumps([shape, *(what[part] for part in ("task", "network", "loss", "init"))])
            if key in checked:
                continue
            checked.add(key)
            try:
                with torch.random.fork_rng(devices=[]):
                    network = build_network(config)
                start_from(config.init, network)
                check_network(network, [("the coarsest level", shape)], config.build_task().call)
                check_loss(config, build_objective(config), network)
            except (ValueError, FileNotFoundError) as error:
                raise type(error)(f"{_named(*contestant)}: {error}") from error

    def _check_budgets(self) -> None:
        first: dict[tuple[str, str], Config] = {}
        for contestant in self.contestants:
            config = self.config(Path(), contestant, self.seeds[0])
            problem = contestant[:2]
            unequal = _unequal(first.setdefault(problem, config), config)
            if unequal:
                raise ValueError(
                    f"budgets of {problem[0]} with {problem[1]} differ: {unequal} "
                    f"Give all one larger budget, or smaller batches; or use equal_budgets=false."
                )


def _named(task: str, network: str, strategy: str) -> str:
    return f"{strategy!r} of {task} with {network}"


def check_written(config: Config) -> None:
    """Raises ValueError unless a file describes the run well enough for another process."""
    for kind in KINDS:
        part = getattr(config, kind)
        if part is None:
            continue
        if not part.is_class:
            raise ValueError(
                f"{kind}: {part.class_path} was made in Python, and a comparison's runs are read "
                f"from files; needs the dotted path of a class, and its arguments as {kind}.NAME."
            )
        if part.class_path.startswith("__main__."):
            raise ValueError(
                f"{kind}: {part.class_path} lies in the script that runs, which other processes "
                f"can't import; needs a class in a module."
            )


def _unequal(one: Config, other: Config) -> str | None:
    """Why the two don't cost the same, if they don't."""
    strategies = [config.build_strategy() for config in (one, other)]
    seconds = [strategy.time_limit for strategy in strategies]
    if seconds[0] != seconds[1]:
        budgets = [strategy.budget for strategy in strategies]
        return f"{one.label!r} has the budget {budgets[0]}, {other.label!r} {budgets[1]}."
    if seconds[0] is not None:
        return None
    costs = [build_schedule(config).work_units for config in (one, other)]
    if abs(costs[0] - costs[1]) <= EQUAL * max(costs):
        return None
    schedule = build_schedule(other)
    dearest = max(schedule.step_cost(stage) for stage in schedule.stages)
    return (
        f"{one.label!r} takes {costs[0]:,g} work units, {other.label!r} {costs[1]:,g}, in steps of "
        f"up to {dearest:,g}."
    )


def _as_file_name(label: str) -> str:
    return re.sub(r"[^\w.-]+", "_", label).strip("._") or "_"


PRESETS: dict[str, Options] = {
    "quick": {
        "strategies": [
            *("single, batch 16", "single, batch 2"),
            *("growing patches", "cascadic", "auto"),
        ],
        "network.channels": 32,
        "budget": "2000wu",
        "learning_rate": 1e-3,
        "validation.images": 32,
        "validation.times": 20,
    },
}
"""Arguments of a comparison and options of its runs. quick: a first answer in about ten minutes on
two cores, on the built-in photographs."""


def comparison_of(**arguments: Any) -> Comparison:
    """A comparison, with the options of its runs among its own arguments.

    >>> of_two = comparison_of(strategies=["cascadic", "auto"], seeds=[0], budget="500wu")
    >>> of_two.options, of_two.contestants
    ({'budget': '500wu'}, [('denoising', 'ResNet', 'cascadic'), ('denoising', 'ResNet', 'auto')])
    """
    if "options" in arguments:
        raise ValueError(
            f"options={arguments['options']!r}; needs each of them beside the other arguments, "
            f"such as steps: 40."
        )
    own = {argument.name for argument in fields(Comparison)}
    options = {name: value for name, value in arguments.items() if name not in own}
    return Comparison(**{n: v for n, v in arguments.items() if n in own}, options=options)
