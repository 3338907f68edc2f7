"""What is compared: tasks × networks × strategies × seeds, each a run of the same budget."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from telegrad.runs.recipes import Mode, Recipe

Options = dict[str, Any]
"""Options of a recipe, by name."""

Configuration = tuple[str, str, str]
"""Task, network, and the strategy's name."""

STRATEGIES: dict[str, Options] = {
    "single, batch 16": {"mode": "single", "batch_size": 16, "decay": 0.3},
    "single, batch 2": {"mode": "single", "batch_size": 2, "decay": 0.3},
    "random patches": {"mode": "random_patches", "batch_size": 4, "decay": 0.3},
    "growing patches": {"mode": "growing_patches", "batch_size": 4, "decay": 0.3},
    "progressive resizing": {"mode": "progressive_resizing", "batch_size": 4, "decay": 0.3},
    "cascadic": {"mode": "cascadic", "batch_size": 4, "decay": 0.3},
    "multiscale": {"mode": "multiscale", "batch_size": 2, "ratio": 2, "decay": 0.3},
    "full multiscale": {"mode": "fullmultiscale", "batch_size": 2, "ratio": 2, "decay": 0.3},
    "auto": {"mode": "auto"},
}
"""The library's strategies, and what one would train with instead."""

EQUAL = 0.02
"""By what part the work of runs may differ that are said to have an equal budget."""

OF_COMPARISON = frozenset({"task", "mode", "network", "seed", "label", "results_dir", "run_id"})
"""Options of a recipe that a comparison sets itself."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that differ in task, network, strategy and seed alone.

    Args:
        tasks: what is undone.
        networks: each task is trained with each of them.
        strategies: options of a run by the strategy's name; or names of those in `STRATEGIES`, or
            modes.
        seeds: three or more tell differences from chance.
        learning_rates: if given, every strategy is tuned over them: each is tried with the first
            seed, and the other seeds take the rate with the lowest validation loss.
        of_task: options of one task's runs, such as {deblurring: {sigma: 2}}.
        options: of all runs; those of a task and of a strategy go before them.
        equal_budgets: whether strategies must cost the same, to within 2 % of their work units.

    Raises:
        ValueError: for wrong options of any run, before the first; and if budgets differ.
    """

    tasks: list[str] = field(default_factory=lambda: ["denoising"])
    networks: list[str] = field(default_factory=lambda: ["resnet"])
    strategies: dict[str, Options] | list[str] = field(default_factory=lambda: list(STRATEGIES))
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    learning_rates: list[float] | None = None
    of_task: dict[str, Options] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    equal_budgets: bool = True

    def __post_init__(self) -> None:
        for name in ("tasks", "networks", "strategies", "seeds", "learning_rates"):
            values = getattr(self, name)
            if values is None and name == "learning_rates":
                continue
            if not isinstance(values, (list, tuple, dict)) or not values:
                raise ValueError(f"{name}={values!r}; needs a list of one or more.")
            if len(set(values)) < len(values):
                raise ValueError(f"{name}={values!r}; needs each of them once.")
        for task in self.of_task:
            if task not in self.tasks:
                raise ValueError(
                    f"of_task has options of {task}, which is not one of the tasks "
                    f"{', '.join(self.tasks)}."
                )
        recipes = [
            self.recipe(Path(), configuration, seed, rate)
            for seed in self.seeds
            for configuration in self.configurations
            for rate in self.rates
        ]
        if len({recipe.results_dir for recipe in recipes}) < len(recipes):
            raise ValueError(
                f"two of the strategies {list(self.options_of_strategies)} have the same "
                f"letters and digits, so the same directory; give them other names."
            )
        if self.equal_budgets:
            self._check_budgets()

    @property
    def options_of_strategies(self) -> dict[str, Options]:
        """The options that each strategy's name stands for."""
        if isinstance(self.strategies, dict):
            return {name: dict(options or {}) for name, options in self.strategies.items()}
        known = {mode: {"mode": mode} for mode in get_args(Mode)} | STRATEGIES
        for name in self.strategies:
            if name not in known:
                raise ValueError(
                    f"strategy {name!r} is not known; needs one of "
                    f"{', '.join(map(repr, known))}, or its options: {{name: {{mode: …}}}}."
                )
        return {name: known[name] for name in self.strategies}

    @property
    def configurations(self) -> list[Configuration]:
        """All (task, network, strategy)."""
        names = self.tasks, self.networks, self.options_of_strategies
        return list(itertools.product(*names))

    @property
    def rates(self) -> Sequence[float | None]:
        """Learning rates that are tried; None is the one of a strategy's own options."""
        return self.learning_rates or [None]

    def recipe(
        self, directory: Path, configuration: Configuration, seed: int, rate: float | None = None
    ) -> Recipe:
        """The run with that seed and learning rate, in a results directory of its own."""
        task, network, strategy = configuration
        label = strategy if rate is None else f"{strategy}, rate {rate:g}"
        place = directory / f"{task}_{network}" / _as_file_name(label) / f"seed{seed}"
        own = self.options_of_strategies[strategy]
        options = self.options | self.of_task.get(task, {}) | own
        if rate is not None:
            options["learning_rate"] = rate
        options.setdefault("cache_dir", str(directory / "cache"))  # one for all runs
        if taken := options.keys() & (OF_COMPARISON - {"mode"}):
            raise ValueError(
                f"{', '.join(sorted(taken))} can't be an option of {strategy!r}; it is "
                f"set for each run by tasks, networks, seeds and the results directory."
            )
        try:
            return Recipe(
                task=task,
                network=network,  # type: ignore[arg-type]  # the recipe checks it
                seed=seed,
                label=label,
                results_dir=str(place),
                **options,
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"{strategy!r} of {task} with {network}: {error}") from error

    def _check_budgets(self) -> None:
        first: dict[tuple[str, str], Recipe] = {}
        for configuration in self.configurations:
            recipe = self.recipe(Path(), configuration, self.seeds[0])
            problem = (recipe.task, recipe.network)
            unequal = _unequal(first.setdefault(problem, recipe), recipe)
            if unequal:
                raise ValueError(
                    f"budgets of {recipe.task} with {recipe.network} differ: {unequal} "
                    f"Give all one larger budget, or smaller batches; or use equal_budgets=false."
                )


def _unequal(one: Recipe, other: Recipe) -> str | None:
    """Why the two don't cost the same, if they don't."""
    seconds = [recipe.limits[1] for recipe in (one, other)]
    if seconds[0] != seconds[1]:
        return f"{one.label!r} has the budget {one.budget}, {other.label!r} {other.budget}."
    if seconds[0] is not None:
        return None
    costs = [recipe.build_schedule().work_units for recipe in (one, other)]
    if abs(costs[0] - costs[1]) <= EQUAL * max(costs):
        return None
    schedule = other.build_schedule()
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
        "channels": 32,
        "budget": "2000wu",
        "t_max": 0.1,
        "learning_rate": 1e-3,
        "val_images": 32,
        "validations": 20,
    },
}
"""Arguments of a comparison and options of its runs. quick: a first answer in about ten minutes on
two cores, on the built-in photographs."""


def comparison_of(**arguments: Any) -> Comparison:
    """A comparison, with the options of its runs among its own arguments.

    >>> of_two = comparison_of(strategies=["cascadic", "auto"], seeds=[0], budget="500wu")
    >>> of_two.options, of_two.configurations
    ({'budget': '500wu'}, [('denoising', 'resnet', 'cascadic'), ('denoising', 'resnet', 'auto')])
    """
    own = {argument.name for argument in fields(Comparison)}
    options = {name: value for name, value in arguments.items() if name not in own}
    given = {name: value for name, value in arguments.items() if name in own}
    return Comparison(**given, options=options)
