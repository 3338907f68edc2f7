"""Commands: each makes the run again that it was read from."""

import shlex
from dataclasses import replace

import pytest
import yaml

from telegrad.cli.arguments import scan
from telegrad.cli.train import chosen, with_task
from telegrad.experiments.launch import launch
from telegrad.experiments.run_command import command
from telegrad.experiments.run_files import read_options
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.resume import flattened


def parsed(words):
    """The run that a command makes, by the command line's own code."""
    program, name, *rest = shlex.split(words)
    assert (program, name) == ("telegrad", "train")
    return chosen(with_task(*scan(rest)))


def at_home(config):
    """The run as it would be if it had been begun by hand."""
    runtime = replace(config.runtime, cache_dir=None)
    return replace(config.with_output(directory="results", overwrite=False), runtime=runtime)


def test_the_command_makes_the_same_run_again(small, configs_of, tmp_path):
    configs = configs_of(small(seeds=[0]), tmp_path)
    assert launch(configs, parallel=2, threads=1) == []
    for config in configs:
        words = command(read_options(config.directory))
        assert str(tmp_path) not in words
        stored = Config.from_dict(yaml.safe_load(config.directory.config.read_text()))
        assert parsed(words) == at_home(stored)


OWN = """
from torch import nn


class OwnNet(nn.Module):
    def __init__(self, width: int = 4, form: str | None = "a", parts: list[int] = (1, 2), **more):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.mark.parametrize(
    "options",
    [
        {
            "task": "paper_superresolution",
            "network": "SRNet",
            "size": 128,
            "strategy": "Auto",
            "budget": "500wu",
        },
        {"optimizer": "AdamW", "optimizer.betas": [0.9, 0.9], "optimizer.lr": 1e-4},
        {"optimizer": "SGD", "optimizer.momentum": 0.9, "optimizer.nesterov": True},
        {"loss": "Charbonnier", "loss.epsilon": 1e-2, "seed": 7},
        {"loss": "torch.nn.L1Loss", "loss.reduction": "none"},
        {
            "strategy": "Cascadic",
            "batch_sizes": [8, 4, 2, 2],
            "budget": "90s",
            "shares": [1, 1, 2, 0],
        },
        {"network": "ResNet", "network.residual": False, "label": "--a 'label', of $many"},
        {"label": "5", "compile": True, "precision": "bf16-mixed", "ema": 0.99, "run_id": 3},
        {"network": "own_net_for_report.OwnNet", "network.width": 6, "network.form": None},
        {"network": "own_net_for_report.OwnNet", "network.parts": [3]},
        {"task": "paper_denoising", "restriction": "injection", "t_max": 0.25},
        {"data": "STL10", "size": 32},
    ],
    ids=str,
)
def test_a_command_says_all_that_is_not_as_by_default(options, tmp_path, monkeypatch):
    (tmp_path / "own_net_for_report.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    config = compose(options)
    words = command(flattened(config.to_dict()))
    assert parsed(words) == config
    assert len(shlex.split(words)) <= 3 + 2 * (len(options) + 4)


def test_a_folder_is_named_by_what_stands_for_it(tmp_path):
    config = compose({"data": str(tmp_path), "size": 32})
    words = command(flattened(config.to_dict()))
    assert str(tmp_path) not in words
    assert "--data Folder --data.size 32 --data.path DATA" in words


def test_a_strategy_without_a_length_is_named_though_it_is_the_task_s_own():
    """Without it the task's budget of time would come along."""
    config = compose({"task": "denoising", "strategy": "Race"})
    words = command(flattened(config.to_dict()))
    assert "--strategy Race" in words
    assert "--strategy" not in command(flattened(compose({"task": "denoising"}).to_dict()))
