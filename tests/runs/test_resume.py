"""Which run goes on: that of the directory, as it was made, or none."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from describe import changed, described
from PIL import Image

from telegrad.cli.main import main
from telegrad.networks import PlainCNN
from telegrad.records import RunDirectory
from telegrad.runs import running
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint, write_checkpoint

NAME = "denoising_s25_folder_plaincnn_single_run1"
SMALL = "--size 32 --validation.images 2 --device cpu".split()
PLAIN = ["--network", "PlainCNN", "--network.channels", "4"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Photographs and a run of four steps."""
    place = tmp_path_factory.mktemp("made")
    (place / "photos").mkdir()
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), np.uint8)):
        Image.fromarray(pixels).save(place / "photos" / f"{k}.png")
    words = ["train", "denoising", "--data", str(place / "photos"), *SMALL, *PLAIN]
    assert main([*words, "--steps", "4", "--out", str(place / "r")]) == 0
    return place


@pytest.fixture
def results(made, tmp_path):
    """A copy of its results."""
    shutil.copytree(made / "r", tmp_path / "r")
    return tmp_path / "r"


def resumed(capsys, directory, *words):
    capsys.readouterr()
    code = main(["train", "--resume", str(directory), *words])
    return code, capsys.readouterr().err


def edited(files, old, new):
    text = files.config.read_text()
    assert text.count(old) == 1
    files.config.write_text(text.replace(old, new))


def everything(directory):
    return {path: path.is_file() and path.read_bytes() for path in directory.rglob("*")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--network", "ResNet"], "network: telegrad.networks.PlainCNN then, .*ResNet now"),
        (["--network.channels", "8"], "network.channels: 4 then, 8 now"),
        (["--loss", "MSE"], "--loss can't change"),
    ],
)
def test_another_network_is_another_run(results, capsys, words, says):
    before = everything(results)
    code, said = resumed(capsys, results / "runs" / NAME, *words, "--steps", "5")
    assert code == 2
    assert re.search(says, said)
    assert everything(results) == before


def test_the_same_network_may_be_named_again(results, capsys):
    code, said = resumed(capsys, results / "runs" / NAME, "--network", "plaincnn", "--steps", "5")
    assert code == 0, said


@pytest.mark.parametrize("with_models", [False, True])
def test_a_directory_of_another_name_is_refused(results, tmp_path, capsys, with_models):
    if with_models:
        (results / "runs" / NAME).rename(results / "runs" / "old")
    else:
        shutil.copytree(results / "runs" / NAME, tmp_path / "bk/runs/old")
        results = tmp_path / "bk"
    before = everything(results)
    code, said = resumed(capsys, results / "runs/old", "--steps", "7")
    assert code == 2
    assert "its directory is called old, so that its models and logs are not found" in said
    assert f"Call it {results / 'runs' / NAME} again" in said
    assert everything(results) == before
    (results / "runs/old").rename(results / "runs" / NAME)
    code, said = resumed(capsys, results / "runs" / NAME, "--steps", "7")
    assert code == (0 if with_models else 2)
    assert with_models or "has lost its best model" in said


def test_moved_results_go_on(results, tmp_path, capsys):
    results.rename(tmp_path / "elsewhere")
    code, said = resumed(capsys, tmp_path / "elsewhere/runs" / NAME, "--steps", "5")
    assert code == 0, said
    events = (tmp_path / "elsewhere/runs" / NAME / "events.log").read_text()
    assert "resumed after iteration 4" in events


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("sigma: 25.0", "sigma: 50.0", "task.sigma: 25.0 then, 50.0 now"),
        ("seed: 42", "seed: 43", "seed: 42 then, 43 now"),
        ("weight_decay: 0.01", "weight_decay: 0.5", "weight_decay: 0.01 then, 0.5 now"),
        ("batch_size: null", "batch_size: 2", "strategy.batch_size: None then, 2 now"),
    ],
)
def test_a_run_whose_description_was_edited_is_another(results, capsys, old, new, says):
    files = RunDirectory(results, NAME)
    edited(files, old, new)
    before = everything(results)
    code, said = resumed(capsys, files.path, "--steps", "5")
    assert code == 2
    assert f"resume: {NAME} was another run" in said and says in said
    assert everything(results) == before


def test_a_state_of_before_it_knew_its_run_goes_on(results, capsys):
    files = RunDirectory(results, NAME)
    for state in (files.last, files.previous):
        content = read_checkpoint(state)
        assert content.pop("configuration") == yaml.safe_load(files.config.read_text())
        write_checkpoint(state, content)
    code, said = resumed(capsys, files.path, "--steps", "5")
    assert code == 0, said


@pytest.mark.parametrize("words", [["--resume"], ["--resume", ""], ["--resume="]])
def test_resume_without_a_directory_begins_nothing(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "denoising", *PLAIN, *SMALL, "--steps", "1", *words]) == 2
    assert "--resume" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_that_lost_its_states_is_not_begun_anew(results, capsys):
    files = RunDirectory(results, NAME)
    edited(files, "overwrite: false", "overwrite: true")
    for lost in (files.last, files.previous, files.best, files.weights, files.report):
        lost.unlink()
    before = everything(results)
    code, said = resumed(capsys, files.path)
    assert code == 2
    assert "its state is missing" in said and "start anew with --overwrite" in said
    assert everything(results) == before


def test_a_run_that_was_stopped_before_its_first_state_begins(results, capsys):
    files = RunDirectory(results, NAME)
    for path in results.rglob("*"):
        if path.is_file() and path != files.config:
            path.unlink()
    files.train_log.write_text("iteration,train_loss,time\n")
    code, said = resumed(capsys, files.path)
    assert code == 0, said
    assert json.loads(files.report.read_text())["iteration"] == 4


# --- what a file can't describe -------------------------------------------------------------------

MINE = """
from torch import nn
from telegrad.losses import L1

def make(width=4):
    return nn.Conv2d(3, 3, width, padding="same")

def other(width=4):
    return nn.Conv2d(3, 3, width, padding="same")

def loss(scale=1.0):
    return L1()
"""


@pytest.fixture
def mine(made, tmp_path, monkeypatch):
    (tmp_path / "my_made.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    words = ["denoising", "--data", str(made / "photos"), *SMALL, "--steps", "2", "--out", "r"]
    network = ["--network", "my_made.make", "--network.width", "3"]
    assert main(["train", *words, *network, "--loss", "my_made.loss", "--loss.scale", "2"]) == 0
    return Path("r/runs/denoising_s25_folder_make_single_run1")


@pytest.mark.parametrize("arguments", [[], ["--network.width", "3"]])
def test_what_a_function_made_goes_on_once_it_is_named_again(mine, capsys, arguments):
    words = ["--network", "my_made.make", *arguments, "--loss", "my_made.loss"]
    code, said = resumed(capsys, mine, "--steps", "4", *words)
    assert code == 0, said
    assert "resumed after iteration 2" in (mine / "events.log").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--network my_made.make", "name it again: --loss my_made.loss"),
        ("--loss my_made.loss", "name it again: --network my_made.make"),
        ("--loss my_made.loss --network my_made.other", "--network my_made.make"),
        (
            "--loss my_made.loss --network my_made.make --network.width 5",
            "network.width: 3 then, 5 now",
        ),
    ],
)
def test_another_function_is_refused(mine, capsys, words, says):
    code, said = resumed(capsys, mine, "--steps", "4", *words.split())
    assert code == 2
    assert says in said


@pytest.mark.parametrize("arguments", ["[3]", "{3: 4}", "{width: [2000-01-01]}"])
def test_arguments_that_are_none_are_refused(mine, capsys, arguments):
    content = yaml.safe_load((mine / "config.yaml").read_text())
    content["network"]["init_args"] = yaml.safe_load(arguments)
    (mine / "config.yaml").write_text(yaml.safe_dump(content))
    code, said = resumed(capsys, mine, "--network", "my_made.make", "--loss", "my_made.loss")
    assert code == 2
    assert "network" in said and "needs" in said


def test_an_object_s_arguments_are_named_in_the_shell(tmp_path, capsys):
    config = described(
        task="denoising", network=PlainCNN(channels=4), size=16, steps=2, images=2, device="cpu",
        out=str(tmp_path / "r"),
    )  # fmt: skip
    run(config)
    run(changed(config, steps=3), resume=True)
    named = ["--network", "PlainCNN", "--network.channels", "4", "--steps", "4"]
    code, said = resumed(capsys, config.directory.path, *named)
    assert code == 0, said


# --- what it took ---------------------------------------------------------------------------------


def figures(files):
    report = json.loads(files.report.read_text())
    return {n: report[n] for n in ("wall_seconds", "estimated_seconds", "peak_memory")}


def with_progress(files, **changes):
    """Other figures in the states of a run; those that are None are left out."""
    for state in (files.last, files.previous):
        content = read_checkpoint(state)
        content["progress"] |= changes
        for name in (name for name, value in changes.items() if value is None):
            del content["progress"][name]
        write_checkpoint(state, content)


def test_a_finished_run_that_is_resumed_keeps_its_figures(results, capsys, monkeypatch):
    files = RunDirectory(results, NAME)
    before = figures(files)
    saved = read_checkpoint(files.last)["progress"]
    assert before["wall_seconds"] > saved["wall_seconds"] > saved["seconds"]
    code, said = resumed(capsys, files.path)
    assert code == 0, said
    assert figures(files) == before

    def stopped(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "_report", stopped)
    assert resumed(capsys, files.path)[0] == 130
    assert figures(files) == before


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_took_what_its_sessions_took(results, capsys, finished):
    files = RunDirectory(results, NAME)
    if finished:  # its report also knows the last save
        content = json.loads(files.report.read_text())
        more = {"wall_seconds": 1000.0, "peak_memory": 1e6}
        files.report.write_text(json.dumps(content | more))
    else:
        files.report.unlink()
        with_progress(files, wall_seconds=1000.0, peak_memory=1e6)
    code, said = resumed(capsys, files.path, "--steps", "5")
    assert code == 0, said
    after = figures(files)
    assert 1000 < after["wall_seconds"] < 1900 and after["peak_memory"] == 1e6


def test_of_an_older_state_training_seconds_are_known_alone(results, capsys):
    files = RunDirectory(results, NAME)
    files.report.unlink()
    with_progress(files, seconds=500.0, wall_seconds=None, peak_memory=None, estimated_seconds=None)
    code, said = resumed(capsys, files.path, "--steps", "5")
    assert code == 0, said
    assert 500 < figures(files)["wall_seconds"] < 900
    assert "seconds of validations and saves until then are not known" in files.events.read_text()
