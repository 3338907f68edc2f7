"""Comparisons: which runs they are of, that they can be, and that budgets are equal."""

import ast
import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch
import yaml

from telegrad.experiments import comparison as module
from telegrad.experiments.comparison import (
    BASELINES,
    PRESETS,
    Comparison,
    comparison_of,
)
from telegrad.experiments.overlay import overlaid
from telegrad.losses import L1
from telegrad.networks import ResNet
from telegrad.runs.build import build_learning_rate, build_network, build_schedule

OWN = """
from dataclasses import dataclass

import torch
from torch import nn

from telegrad.losses import Loss
from telegrad.schedules import Strategy, single
from telegrad.tasks import PaperDenoising


class MyNet(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.layer(x)


class MyLoss(Loss):
    def __call__(self, restored, clean):
        return (restored - clean).abs().mean((1, 2, 3))


@dataclass(frozen=True, kw_only=True)
class MyTask(PaperDenoising):
    name = "mine"


@dataclass(frozen=True, kw_only=True)
class MyStrategy(Strategy):
    name = "mine"
    one_level = True
    default_batch_size = 4

    def stages(self, grids, batch_sizes):
        return single(grids, steps=10, batch_size=batch_sizes[-1])


def make_net():
    return MyNet()


def make_optimizer(params, lr: float = 1e-3):
    return torch.optim.SGD(params, lr)
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A user's module, beside him."""
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return "own_parts"


def test_every_run_has_its_own_place_seed_and_label(tmp_path, small, configs_of):
    both = {"tasks": ["paper_denoising", "paper_deblurring"], "networks": ["ResNet", "UNet"]}
    larger = {"size": 32, "levels": None, "budget": "600wu", "network.channels": 16}
    runs = configs_of(small(**both, **larger), tmp_path)
    assert len(runs) == 2 * 2 * 2 * 2 == len({run.output.directory for run in runs})
    assert {(run.task.short_name, run.network.short_name, run.label, run.seed) for run in runs} == {
        (task, network, label, seed)
        for task in ("PaperDenoising", "PaperDeblurring")
        for network in ("ResNet", "UNet")
        for label in ("single", "auto")
        for seed in (0, 1)
    }
    assert Path(runs[0].output.directory) == tmp_path / "paper_denoising_ResNet/single/seed0"
    assert {run.runtime.cache_dir for run in runs} == {str(tmp_path / "cache")}
    assert len({run.name for run in runs}) == 2 * 2 * 2


def test_options_of_a_strategy_go_before_those_of_a_task_and_of_all(tmp_path, small, configs_of):
    comparison = small(
        tasks=["paper_deblurring"],
        of_task={"paper_deblurring": {"sigma": 2.0, "validation.images": 8}},
        strategies={
            "a": {"strategy": "Single", "batch_size": 4, "sigma": 1.0},
            "b": {"strategy": "telegrad.schedules.Auto"},
        },
    )
    a, b = configs_of(comparison, tmp_path)[:2]
    assert (a.build_task().sigma, b.build_task().sigma) == (1.0, 2.0)
    assert (a.validation.images, b.validation.images) == (8, 8)


def test_a_later_option_goes_before_an_earlier_one_by_whichever_name(small, configs_of, tmp_path):
    assert overlaid({"out": "a", "sigma": 1}, {"output.directory": "b"}, {"task.sigma": 2}) == {
        "output.directory": "b",
        "task.sigma": 2,
    }
    assert overlaid({"network.width": 1}, {"width": 2}) == {"network.width": 1, "width": 2}
    comparison = small(
        strategies={"a": {"strategy": "Single", "batch_size": 4, "strategy.steps": 15}},
        learning_rates=[1e-3, 2e-3],
        **{"optimizer.lr": 5e-4, "runtime.cache_dir": "elsewhere"},
    )
    first = comparison.config(tmp_path, comparison.contestants[0], 0, 2e-3)
    assert build_learning_rate(first).highest == 2e-3
    assert first.label == "a, rate 0.002"
    assert first.runtime.cache_dir == "elsewhere"
    assert (first.build_strategy().steps, first.build_strategy().budget) == (15, None)


def test_in_a_budget_of_time_all_validate_on_the_same_crops(small, tmp_path):
    def images(**options):
        comparison = small(**{"validation.images": None, **options})
        runs = [comparison.config(tmp_path, c, 0, None) for c in comparison.contestants]
        return {run.validation.images for run in runs}

    assert images(budget="1min") == {32}
    assert images(budget="1min", **{"validation.images": 7}) == {7}
    assert images(budget="600wu") == {None}


def test_strategies_by_name_and_the_preset_are_of_equal_budgets(tmp_path):
    assert comparison_of(strategies=["cascadic", "auto"], budget="2000wu").contestants
    quick = comparison_of(**PRESETS["quick"])
    works = [
        build_schedule(quick.config(tmp_path, contestant, 0)).work_units
        for contestant in quick.contestants
    ]
    assert works == pytest.approx([2000] * 5, rel=0.02)
    assert comparison_of(strategies=list(BASELINES), budget="10min").seeds == [0, 1, 2]


def test_strategies_have_their_names_as_they_are_classes_and_as_they_are_in_runs(own_module):
    names = ["Cascadic", "growing_patches", f"{own_module}.MyStrategy"]
    comparison = comparison_of(strategies=names, budget="5min")
    built = [
        comparison.config(Path(), contestant, 0).build_strategy().name
        for contestant in comparison.contestants
    ]
    assert built == ["cascadic", "growing_patches", "mine"]


def test_networks_losses_optimizers_and_tasks_may_be_the_users_own(
    own_module, options, small, configs_of
):
    general = {name: value for name, value in options.items() if name != "network.channels"}
    comparison = comparison_of(
        tasks=[f"{own_module}.MyTask"],
        networks=["ResNet", f"{own_module}.MyNet"],
        strategies=small().strategies,
        seeds=[0],
        loss=f"{own_module}.MyLoss",
        optimizer="SGD",
        **{"optimizer.momentum": 0.5},
        **general,
    )
    runs = configs_of(comparison, Path("place"))
    own = runs[-1]
    assert own.network.class_path == "own_parts.MyNet"
    assert [part.short_name for part in (own.task, own.loss, own.optimizer)] == [
        "MyTask",
        "MyLoss",
        "SGD",
    ]
    assert own.optimizer.init_args["momentum"] == 0.5
    assert sum(weight.numel() for weight in build_network(own).parameters()) == 84
    assert len({run.output.directory for run in runs}) == 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seeds": []}, r"seeds=\[\]; needs a list of one or more"),
        ({"tasks": ["paper_denoising", "paper_denoising"]}, "needs each of them once"),
        ({"networks": ["ResNet", "resnet"]}, "two names stand for one class"),
        (
            {"strategies": ["best"]},
            r"strategy 'best' is not known; needs one of 'Auto', 'Cascadic', .*'single, batch 16'",
        ),
        (
            {"strategies": {"a b": {"strategy": "Auto"}, "a_b": {"strategy": "Auto"}}},
            "other names",
        ),
        (
            {"strategies": {"a": {"strategy": "cycle"}}},
            "'a' of denoising with ResNet: strategy=cycle: no such name",
        ),
        ({"strategies": ["my.Strategy"]}, "strategy=my.Strategy: can't be imported"),
        (
            {"strategies": {"a": {"iterations": 3}}},
            "'a' of denoising with ResNet: no option --iterations; it is --steps now",
        ),
        ({"strategies": {"a": {"strategy": "Auto", "seed": 3}}}, "seed can't be an option of 'a'"),
        ({"networks": ["vgg"]}, "of denoising with vgg: network=vgg: no such name"),
        (
            {"network.channels": 10**6},
            "'single' of denoising with ResNet: .* weights; needs at most",
        ),
        (
            {"networks": ["UNet"]},
            "'single' of denoising with UNet: UNet: channels=8, needs a multiple of 16",
        ),
        (
            {"networks": ["UNet"], "size": 32, "levels": 5, "network.channels": 16},
            "'auto' of denoising with UNet: UNet: fails on the coarsest level, images of 2×2",
        ),
        ({"seeds": [-1]}, "seed=-1: needs a whole number"),
        ({"seeds": ["0"]}, r"seeds=\['0'\]; needs whole numbers"),
        ({"seeds": [[1]]}, r"seeds=\[\[1\]\]; needs whole numbers"),
        ({"tasks": [{"a": 1}]}, "needs names, or dotted paths of classes"),
        ({"learning_rates": ["1e-3"]}, "needs numbers above 0"),
        ({"learning_rates": [float("nan")]}, "needs numbers above 0"),
        ({"strategies": [1]}, "needs names, or options of a run by names"),
        ({"strategies": [{"a": {"strategy": "Single"}}]}, "needs names, or options of a run"),
        ({"strategies": {1: {"strategy": "Single"}}}, "needs names, or options of a run"),
        ({"strategies": {"x": 3}}, "strategies: x=3; needs options by name, such as"),
        ({"strategies": {"x": "Single"}}, "strategies: x='Single'; needs options by name"),
        ({"strategies": {"x": {3: 4}}}, "strategies: x: 3 is no name of an option"),
        ({"of_task": 3}, "of_task=3; needs options by name"),
        ({"of_task": {"denoising": 3}}, "of_task: denoising=3; needs options by name"),
        ({"options": {"sigma": 3}}, "options=.*; needs each of them beside the other arguments"),
        ({"equal_budgets": 1}, "equal_budgets=1; needs true or false"),
        ({"data": 3}, "data=3: needs a name, a dotted path, a class or an object"),
        ({"levels": date(2020, 1, 1)}, "--levels=2020-01-01: needs a number, a text, or several"),
        ({"strategy": "Cascadic"}, "strategy=Cascadic can't be an option of all runs"),
        (
            {"of_task": {"denoising": {"strategy": "Auto"}}},
            "strategy=Auto can't be an option of denoising; .* --strategies Cascadic,Auto",
        ),
        (
            {"strategies": {"a": {"strategy": "Auto", "output.label": "b"}}},
            "output.label can't be an option of 'a'",
        ),
        (
            {"of_task": {"paper_inpainting": {}}},
            "of_task has options of paper_inpainting, which is not one",
        ),
        (
            {
                "tasks": ["paper_denoising", "paper_deblurring"],
                "of_task": {"paper_deblurring": {"sigma": -1}},
            },
            "'single' of paper_deblurring with ResNet: .*sigma",
        ),
        (
            {
                "strategies": {
                    "a": {"strategy": "Auto"},
                    "b": {"strategy": "Single", "batch_size": 16},
                }
            },
            r"differ: 'a' takes 60 work units, 'b' 64, in steps of up to 16\. Give all one larger",
        ),
        (
            {
                "strategies": {
                    "a": {"strategy": "Auto"},
                    "b": {"strategy": "Auto", "budget": "1min"},
                }
            },
            "'a' has the budget 60wu, 'b' 1min",
        ),
    ],
)
def test_a_comparison_that_can_not_be_made_is_refused(changes, says, small):
    with pytest.raises(ValueError, match=says):
        small(**changes)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"loss": torch.nn.L1Loss(reduction="none")}, "loss: torch.nn.*L1Loss was made in Python"),
        (
            {"optimizer": "own_parts.make_optimizer"},
            "optimizer: .*needs the dotted path of a class",
        ),
        ({"networks": [ResNet]}, "needs names, or dotted paths of classes"),
        ({"networks": ["own_parts.make_net"]}, "own_parts.make_net was made in Python"),
        ({"loss": "__main__.OwnLoss"}, "loss: __main__.OwnLoss lies in the script that runs"),
    ],
)
def test_parts_that_a_file_can_not_describe_are_refused(
    own_module, part, says, small, options, monkeypatch
):
    own_loss = type("OwnLoss", (L1,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "OwnLoss", own_loss, raising=False)
    general = {name: value for name, value in options.items() if name != "network.channels"}
    with pytest.raises(ValueError, match=says):
        comparison_of(strategies=small().strategies, seeds=[0], **{**general, **part})


def test_a_class_of_the_library_may_be_an_object(small, configs_of):
    assert configs_of(small(loss=L1()), Path())[0].loss.class_path == "telegrad.losses.L1"


def test_the_file_in_the_documents_is_a_comparison():
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    comparison = comparison_of(**yaml.safe_load(block))
    assert len(comparison.contestants) == 2 * 2 * 3


def test_unequal_budgets_can_be_asked_for(small):
    strategies = {"a": {"strategy": "Auto"}, "b": {"strategy": "Single", "batch_size": 16}}
    assert len(small(strategies=strategies, equal_budgets=False).contestants) == 2


def test_a_comparison_is_a_value(small):
    assert small() == small() != Comparison(options={"budget": "60wu"}, strategies=["auto"])
    assert replace(small(), seeds=[2]).options == small().options


def test_what_prepares_and_launches_runs_needs_neither_charts_nor_statistics():
    for name in ("comparison", "launch", "reproduce", "run_files", "summary"):
        tree = ast.parse((Path(module.__file__).parent / f"{name}.py").read_text())
        at_the_top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {ast.unparse(node) for node in at_the_top}
        unwanted = r"matplotlib|scipy|experiments\.(charts|gallery|report)"
        assert not [n for n in names if re.search(unwanted, n)]
