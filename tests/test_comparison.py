"""Comparisons: which runs they are of, that budgets are equal, and that they are made once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from telegrad.cli.main import main
from telegrad.experiments.comparison import PRESETS, STRATEGIES, Comparison, comparison_of
from telegrad.experiments.launch import carry_out, directory_of, is_finished, launch, start
from telegrad.training.checkpoint import read_checkpoint

SMALL = {
    "channels": 8,
    "img_size": 16,
    "levels": 2,
    "budget": "60wu",
    "val_images": 4,
    "validations": 2,
    "device": "cpu",
}
TWO = {"single": {"mode": "single", "batch_size": 4}, "auto": {"mode": "auto"}}


def small(**changes):
    return comparison_of(**{"strategies": TWO, "seeds": [0, 1], **SMALL, **changes})


def recipes(comparison, directory):
    return [
        comparison.recipe(directory, configuration, seed)
        for seed in comparison.seeds
        for configuration in comparison.configurations
    ]


def test_every_run_has_its_own_place_seed_and_label(tmp_path):
    both = {"tasks": ["denoising", "deblurring"], "networks": ["resnet", "unet"]}
    runs = recipes(small(**both, img_size=32, levels=None, budget="600wu"), tmp_path)
    assert len(runs) == 2 * 2 * 2 * 2 == len({run.results_dir for run in runs})
    assert {(run.task, run.network, run.label, run.seed) for run in runs} == {
        (task, network, label, seed)
        for task in ("denoising", "deblurring")
        for network in ("resnet", "unet")
        for label in TWO
        for seed in (0, 1)
    }


def test_options_of_a_strategy_go_before_those_of_a_task_and_of_all(tmp_path):
    comparison = small(
        tasks=["deblurring"],
        of_task={"deblurring": {"sigma": 2.0, "val_images": 8}},
        strategies={"a": {"mode": "single", "batch_size": 4, "sigma": 1.0}, "b": {"mode": "auto"}},
    )
    a, b = recipes(comparison, tmp_path)[:2]
    assert (a.sigma, b.sigma, a.val_images, b.val_images) == (1.0, 2.0, 8, 8)


def test_strategies_by_name_and_the_preset_are_of_equal_budgets(tmp_path):
    assert comparison_of(strategies=["cascadic", "auto"], budget="2000wu").configurations
    quick = comparison_of(**PRESETS["quick"])
    works = [
        quick.recipe(tmp_path, configuration, 0).build_schedule().work_units
        for configuration in quick.configurations
    ]
    assert works == pytest.approx([2000] * 5, rel=0.02)
    assert comparison_of(strategies=list(STRATEGIES), budget="10min").seeds == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seeds": []}, r"seeds=\[\]; needs a list of one or more"),
        ({"tasks": ["denoising", "denoising"]}, "needs each of them once"),
        (
            {"strategies": ["best"]},
            r"strategy 'best' is not known; needs one of 'single', 'multisc",
        ),
        ({"strategies": {"a b": {"mode": "auto"}, "a_b": {"mode": "auto"}}}, "other names"),
        ({"strategies": {"a": {"mode": "cycle"}}}, "'a' of denoising with resnet: mode='cycle'"),
        ({"strategies": {"a": {"steps": 3}}}, "'a' of denoising with resnet: .*'steps'"),
        ({"strategies": {"a": {"mode": "auto", "seed": 3}}}, "seed can't be an option of 'a'"),
        ({"of_task": {"inpainting": {}}}, "of_task has options of inpainting, which is not one"),
        (
            {"strategies": {"a": {"mode": "auto"}, "b": {"mode": "single", "batch_size": 16}}},
            r"differ: 'a' takes 60 work units, 'b' 64, in steps of up to 16\. Give all one larger",
        ),
        (
            {"strategies": {"a": {"mode": "auto"}, "b": {"mode": "auto", "budget": "1min"}}},
            "'a' has the budget 60wu, 'b' 1min",
        ),
    ],
)
def test_a_comparison_that_can_not_be_made_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        small(**changes)


def test_the_file_in_the_documents_is_a_comparison():
    page = (Path(__file__).parent.parent / "docs" / "compare.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    comparison = comparison_of(**yaml.safe_load(block))
    assert len(comparison.configurations) == 2 * 2 * 3


def test_unequal_budgets_can_be_asked_for():
    strategies = {"a": {"mode": "auto"}, "b": {"mode": "single", "batch_size": 16}}
    assert len(small(strategies=strategies, equal_budgets=False).configurations) == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("comparison")
    comparison = small(learning_rates=[1e-3, 1e-2])
    assert carry_out(comparison, directory, parallel=2) == []
    return comparison, directory


def test_all_are_made_and_each_strategy_goes_on_with_its_best_rate(made):
    comparison, directory = made
    reports = {path: json.loads(path.read_text()) for path in directory.rglob("report.json")}
    assert len(reports) == 2 * 2 + 2  # tried with the first seed; then the best with the second
    for configuration in comparison.configurations:
        losses = {}
        for rate in (1e-3, 1e-2):
            first = comparison.recipe(directory, configuration, 0, rate)
            losses[rate] = reports[directory_of(first) / "report.json"]["restored"]["loss"]
        best = min(losses, key=losses.get)
        for rate in losses:
            again = comparison.recipe(directory, configuration, 1, rate)
            assert is_finished(again) is (rate == best)


def test_what_is_finished_is_not_made_again(made):
    comparison, directory = made
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    assert carry_out(comparison, directory) == []
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_runs_of_other_options_are_not_mixed_in(made):
    comparison, directory = made
    other = replace(comparison, options=comparison.options | {"val_images": 5})
    with pytest.raises(ValueError, match=r"with other options \(val_images: 4 then, 5 now\)"):
        carry_out(other, directory)


def test_one_failing_run_does_not_stop_the_others(tmp_path, capfd):
    (tmp_path / "photos").mkdir()
    arguments = ["--dataset", "folder", "--data_dir", str(tmp_path / "photos")]
    good, bad = recipes(small(), tmp_path)[:2]
    bad = replace(bad, dataset="folder", data_dir=str(tmp_path / "photos"))
    (failure,) = launch([bad, good], parallel=1)
    assert failure.recipe == bad
    assert "photos" in failure.reason
    assert is_finished(good)
    options = [f"--{name}={value}" for name, value in SMALL.items()]
    strategies = "{single: {mode: single, batch_size: 4}}"
    place = ["--results_dir", str(tmp_path / "comparison")]
    command = [
        "compare",
        *options,
        *place,
        *arguments,
        "--seeds",
        "[0]",
        "--strategies",
        strategies,
    ]
    assert main(command) == 1
    assert "denoising, resnet, single, seed 0 failed: telegrad train: " in capfd.readouterr().err


def test_a_run_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    comparison = small(budget="3000wu", validations=40, seeds=[0], strategies=["single"])
    comparison = replace(comparison, options=comparison.options | {"batch_size": 4})
    (whole,), (killed,) = recipes(comparison, tmp_path / "a"), recipes(comparison, tmp_path / "b")
    running = start(killed, threads=1)
    while not (directory_of(killed) / "last.pt").exists():
        time.sleep(0.02)
    running.process.kill()
    running.process.wait()
    assert not is_finished(killed)
    assert launch([whole, killed], parallel=2, threads=1) == []
    assert "resumed after iteration" in (directory_of(killed) / "events.log").read_text()
    best = [
        read_checkpoint(next(tmp_path.glob(f"{part}/**/*_best.pt")))["model_state_dict"]
        for part in "ab"
    ]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


def test_ctrl_c_saves_the_runs_that_are_under_way(tmp_path):
    options = [f"--{name}={value}" for name, value in (SMALL | {"budget": "1e6wu"}).items()]
    strategies = ["--strategies", "{single: {mode: single, batch_size: 4}}", "--seeds", "[0]"]
    command = [sys.executable, "-m", "telegrad.cli.main", "compare", *options, *strategies]
    process = subprocess.Popen(
        [*command, "--results_dir", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    logs = tmp_path / "denoising_resnet/single/seed0/logs"
    while not list(logs.glob("*train.csv")) or len(next(logs.glob("*train.csv")).read_text()) < 200:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "stopped; what was written until now is kept" in said
    assert list(tmp_path.rglob("last.pt"))
    assert "Go on with" in next(tmp_path.rglob("output.txt")).read_text()


def test_numbers_of_runs_and_threads_are_checked(tmp_path):
    with pytest.raises(ValueError, match="parallel=0; needs 1 or more"):
        launch(recipes(small(), tmp_path), parallel=0)
    with pytest.raises(ValueError, match="threads=-1; needs 1 or more"):
        carry_out(small(), tmp_path, threads=-1)


def test_a_comparison_is_a_value():
    assert small() == small() != Comparison(options={"budget": "60wu"}, strategies=["auto"])
