"""Launching: runs are made once, in processes of their own, and go on where they were stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from telegrad.cli.main import main
from telegrad.experiments.executors import Processes
from telegrad.experiments.launch import is_finished, launch, launch_comparison
from telegrad.runs.component import Component
from telegrad.runs.config import Config
from telegrad.training.checkpoint import read_checkpoint

SINGLE = {"single": {"strategy": "Single", "batch_size": 4}}
STRATEGIES = "{single: {strategy: Single, batch_size: 4}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory, small):
    directory = tmp_path_factory.mktemp("comparison")
    comparison = small(learning_rates=[1e-3, 1e-2])
    assert launch_comparison(comparison, directory, parallel=2) == []
    return comparison, directory


def test_all_are_made_and_each_strategy_goes_on_with_its_best_rate(made):
    comparison, directory = made
    reports = {path: json.loads(path.read_text()) for path in directory.rglob("report.json")}
    assert len(reports) == 2 * 2 + 2  # tried with the first seed; then the best with the second
    for contestant in comparison.contestants:
        losses = {}
        for rate in (1e-3, 1e-2):
            first = comparison.config(directory, contestant, 0, rate)
            losses[rate] = reports[first.directory.report]["restored"]["loss"]
        best = min(losses, key=losses.get)
        for rate in losses:
            again = comparison.config(directory, contestant, 1, rate)
            assert is_finished(again) is (rate == best)


def test_what_each_was_made_of_lies_beside_it(made):
    comparison, directory = made
    contestant, rate = comparison.contestants[1], comparison.rates[0]
    config = comparison.config(directory, contestant, 0, rate)
    results = config.directory.config.parents[2]
    assert Config.from_dict(yaml.safe_load((results / "run.yaml").read_text())) == config
    stored = Config.from_dict(yaml.safe_load(config.directory.config.read_text()))
    assert stored.with_output(overwrite=False) == config


def test_what_is_finished_is_not_made_again(made):
    comparison, directory = made
    files = [path for path in directory.rglob("*") if path.name != "lock"]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert launch_comparison(comparison, directory) == []
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_runs_of_other_options_are_not_mixed_in(made):
    comparison, directory = made
    other = replace(comparison, options=comparison.options | {"validation.images": 5})
    says = r"with other options \(validation.images: 4 then, 5 now\)\. Use another directory"
    with pytest.raises(ValueError, match=says):
        launch_comparison(other, directory)


def test_one_failing_run_does_not_stop_the_others(tmp_path, capfd, small, configs_of, options):
    (tmp_path / "photos").mkdir()
    good, bad = configs_of(small(), tmp_path)[:2]
    photos = Component.of("data", "Folder", path=str(tmp_path / "photos"), size=16)
    bad = replace(bad, data=photos)
    (failure,) = launch([bad, good], parallel=1)
    assert failure.config == bad
    assert "photos" in failure.reason
    assert is_finished(good)
    words = [f"--{name}={value}" for name, value in options.items()]
    place = ["--out", str(tmp_path / "comparison"), "--data", str(tmp_path / "photos")]
    for k in range(2):
        (tmp_path / f"photos/{k}.png").write_text("no image")
    command = ["compare", *words, *place, "--seeds", "[0]", "--strategies", STRATEGIES]
    assert main(command) == 1
    said = capfd.readouterr().err
    name = "denoising_s25_folder_resnet_single_run1"
    assert f"{name}, single, seed 0 failed: telegrad train: " in said


def test_images_that_are_not_there_are_refused_once(tmp_path, capfd, options):
    (tmp_path / "photos").mkdir()
    words = [f"--{name}={value}" for name, value in options.items()]
    words += ["--out", str(tmp_path / "out"), "--data", str(tmp_path / "photos")]
    assert main(["compare", *words, "--seeds", "0,1", "--strategies", STRATEGIES]) == 2
    assert capfd.readouterr().err.startswith("telegrad compare: folder: no images in ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["taken", "taken/x"])
def test_a_file_in_the_place_of_the_directory_is_named(out, tmp_path, capfd, options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("mine")
    words = [f"--{name}={value}" for name, value in options.items()]
    words += ["--data", "EightPhotographs", "--seeds", "[0]", "--strategies", STRATEGIES]
    assert main(["compare", *words, "--out", out]) == 2
    said = f"compare: {out} can't be written (Not a directory); choose another with --out."
    assert said in capfd.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_run_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path, small, configs_of):
    length = {"budget": "3000wu", "validation.times": 40}
    comparison = small(**length, seeds=[0], strategies=SINGLE)
    (whole,), (killed,) = (configs_of(comparison, tmp_path / place) for place in "ab")
    with Processes(threads=1) as processes:
        running = processes.start(killed)
        while not killed.directory.last.exists():
            assert running.poll() is None
            time.sleep(0.02)
        running.process.kill()
        assert running.wait() == -signal.SIGKILL
    assert not is_finished(killed)
    assert launch([whole, killed], parallel=2, threads=1) == []
    assert "resumed after iteration" in killed.directory.events.read_text()
    best = [read_checkpoint(run.directory.best)["model_state_dict"] for run in (whole, killed)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


def test_a_run_whose_description_is_torn_begins_anew(tmp_path, small, configs_of):
    (config,) = configs_of(small(seeds=[0], strategies=SINGLE), tmp_path)
    assert launch([config], parallel=1) == []
    config.directory.config.write_text("task: [")
    assert config.directory.last.exists()
    assert not is_finished(config)
    assert launch([config], parallel=1) == []
    assert is_finished(config)


def test_what_was_made_of_other_images_is_not_taken_for_finished(tmp_path, small, configs_of):
    """The path of a folder decides nothing, and the images in it may be others than then."""
    photos = [tmp_path / name for name in ("a", "b")]
    for k, folder in enumerate(photos):
        folder.mkdir()
        for image in range(4):
            noise = np.random.default_rng(10 * k + image).integers(0, 256, (24, 24, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{image}.png")

    def run_of(folder):
        data = {"data": "Folder", "data.path": str(folder)}
        return configs_of(small(**data, seeds=[0], strategies=SINGLE), tmp_path / "runs")[0]

    assert launch([run_of(photos[0])], parallel=1) == []
    assert is_finished(run_of(photos[0]))
    photos[0].rename(tmp_path / "moved")
    assert is_finished(run_of(tmp_path / "moved"))
    with pytest.raises(ValueError, match=r"made of something else \(images to train on"):
        is_finished(run_of(photos[1]))
    (tmp_path / "moved" / "0.png").unlink()
    with pytest.raises(ValueError, match="0.png"):
        launch([run_of(tmp_path / "moved")], parallel=1)


def test_a_finished_run_that_can_t_be_described_again_is_not_made_anew(tmp_path, small, configs_of):
    (config,) = configs_of(small(seeds=[0], strategies=SINGLE), tmp_path)
    assert launch([config], parallel=1) == []
    file = config.directory.config
    file.write_text(file.read_text().replace("telegrad.networks.ResNet", "gone_of_test.Net"))
    before = config.directory.best.read_bytes()
    with pytest.raises(ValueError, match="holds a finished run that can't be described again"):
        launch([config], parallel=1)
    assert config.directory.best.read_bytes() == before


def test_a_stranger_s_report_is_refused_before_anything_is_made(tmp_path, options, capsys):
    (tmp_path / "report.html").write_text("mine")
    words = [f"--{name}={value}" for name, value in options.items()]
    command = ["compare", *words, "--out", str(tmp_path), "--strategies", STRATEGIES]
    assert main(command) == 2
    assert "report.html is there and was not written by this command" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


OWN = """
import torch
from torch import nn


class OwnNet(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x):
        return x + self.last(self.first(x).relu())
"""


def test_a_network_of_the_users_own_is_found_where_he_stands(tmp_path, monkeypatch, options, capfd):
    (tmp_path / "own_net_module.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    general = {n: v for n, v in options.items() if n != "network.channels"}
    words = [f"--{name}={value}" for name, value in general.items()]
    words += ["--networks", "[own_net_module.OwnNet]", "--network.width=6", "--seeds=[0]"]
    command = ["compare", *words, "--strategies", STRATEGIES, "--optimizer", "SGD"]
    assert main([*command, "--loss", "L1", "--out", "made"]) == 0, capfd.readouterr()
    (report,) = (tmp_path / "made").rglob("report.json")
    stored = yaml.safe_load(report.with_name("config.yaml").read_text())
    assert stored["network"] == {"class_path": "own_net_module.OwnNet", "init_args": {"width": 6}}
    assert stored["optimizer"]["class_path"] == "torch.optim.SGD"
    assert "ownnet" in capfd.readouterr().out


def test_ctrl_c_saves_the_runs_that_are_under_way(tmp_path, options):
    words = [f"--{name}={value}" for name, value in (options | {"budget": "1e6wu"}).items()]
    command = [sys.executable, "-m", "telegrad", "compare", *words, "--strategies", STRATEGIES]
    process = subprocess.Popen(
        [*command, "--seeds", "[0]", "--out", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    logs = tmp_path / "denoising_ResNet/single/seed0/logs"
    while not list(logs.glob("*train.csv")) or len(next(logs.glob("*train.csv")).read_text()) < 200:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "stopped; what was written until now is kept" in said
    assert list(tmp_path.rglob("last.pt"))
    output = next(tmp_path.rglob("output.txt")).read_text()
    assert re.search(r"Go on with: telegrad train --resume .*seed0/runs/", output)


def test_numbers_of_runs_and_threads_are_checked(tmp_path, small, configs_of):
    with pytest.raises(ValueError, match="parallel=0; needs 1 or more"):
        launch(configs_of(small(), tmp_path), parallel=0)
    with pytest.raises(ValueError, match="threads=-1; needs 1 or more"):
        launch_comparison(small(), tmp_path, threads=-1)
