"""Runs read from disk: of today, of version 0.1, of anybody's modules, torn."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from telegrad import __version__
from telegrad.experiments.run_files import RunFiles, defaults_of, read_options, short_name
from telegrad.experiments.summary import summarize
from telegrad.records import run_directories

GOLDEN = Path(__file__).parents[1] / "runs" / "golden_0_1" / "results"


def test_a_run_of_today_is_a_row_of_the_table(write_run, tmp_path):
    files = write_run(tmp_path, "a label", 3, 0.25, learning_rate=1e-3, network="ResNet")
    one = RunFiles.read(files, tmp_path)
    row = one.row("its configuration")
    assert (row.task, row.dataset, row.network, row.mode) == (
        "paper_denoising",
        "eightphotographs",
        "resnet",
        "single",
    )
    assert (row.strategy, row.seed, row.learning_rate) == ("its configuration", 3, 1e-3)
    assert (row.status, row.valid_loss, row.psnr, row.ssim) == ("finished", 0.25, 19.75, None)
    assert (row.wall_seconds, row.estimated_seconds, row.corrupted_psnr) == (3.0, None, 18.0)
    assert row.path == files.path.relative_to(tmp_path).as_posix()
    assert one.options["output.label"] == "a label"


def test_runs_of_version_0_1_are_read_and_told_apart():
    summary = summarize(GOLDEN)
    assert {run.status for run in summary.runs} == {"other version"}
    by_path = {run.path: run for run in summary.runs}
    row = by_path["runs/denoising_folder_resnet_auto_run3"]
    report = json.loads((GOLDEN / row.path / "report.json").read_text())
    assert (row.task, row.dataset, row.network, row.mode) == (
        "paper_denoising",
        "folder",
        "resnet",
        "auto",
    )
    assert row.wall_seconds == report["took"]
    assert row.estimated_seconds == report["foretold"]
    assert row.valid_loss == report["restored"]["loss"]
    assert len(summary.runs) == len(run_directories(GOLDEN)) == 6


def test_a_run_of_version_0_1_whose_network_was_ones_own_is_read(write_run, tmp_path):
    old = yaml.safe_load(next(GOLDEN.glob("runs/*/config.yaml")).read_text()) | {"network": "own"}
    files = write_run(tmp_path, "old", 0, 0.1)
    files.config.write_text(yaml.safe_dump(old))
    files.environment.write_text(json.dumps({"multiscale": "0.1.0"}))
    one = RunFiles.read(files, tmp_path)
    assert (one.status, one.named("network")) == ("other version", "own")


def test_nothing_that_a_run_names_is_imported(write_run, tmp_path, monkeypatch):
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    files = write_run(tmp_path, "own", 0, 0.1)
    content = yaml.safe_load(files.config.read_text())
    content["network"] = {"class_path": "trap_module.Net", "init_args": {"width": 8}}
    content["loss"] = {"class_path": "telegrad.__main__.Loss", "init_args": None}
    content["strategy"]["class_path"] = "telegrad.schedules.Gone"
    files.config.write_text(yaml.safe_dump(content, sort_keys=False))
    options = read_options(files)
    assert options["network.width"] == 8
    known = defaults_of(options)
    assert "network.width" not in known
    assert known["validation.images"] is None
    summary = summarize(tmp_path)
    (setting,) = summary.settings
    assert setting.name == "paper_denoising, net, eightphotographs, width 8, size 32, loss loss"
    assert summary.runs[0].mode == "gone"
    assert "trap_module" not in sys.modules


def test_defaults_are_those_of_the_classes():
    known = defaults_of({"network": "telegrad.networks.ResNet", "loss": "torch.nn.L1Loss"})
    assert known["network.channels"] == 128
    assert known["loss.reduction"] == "mean"
    assert known["output.directory"] == "results"
    assert known["seed"] == 42


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "task: [",
        "task: 5",
        "{telegrad: 0.2.0, task: {class_path: a.B}, seed: 1}",
        "{task: {class_path: a.B}, network: {class_path: [c]}, data: {class_path: a.C},"
        " strategy: {class_path: a.D}, seed: 1}",
        "{mode: cycle, task: denoising, network: unet, dataset: folder}",
        "\0",
    ],
)
def test_what_is_not_a_runs_configuration_is_unreadable(content, write_run, tmp_path):
    files = write_run(tmp_path, "a", 0, 0.1)
    files.config.write_text(content)
    assert RunFiles.read(files, tmp_path).status == "unreadable"
    assert [run.status for run in summarize(tmp_path).runs] == ["unreadable"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.json", '{"work_units": 1'),
        ("report.json", "[]"),
        ("report.json", '{"work_units": 1}'),
        ("report.json", '{"restored": 5, "corrupted": {}}'),
        ("environment.json", "5"),
        ("environment.json", ""),
    ],
)
def test_torn_figures_are_unreadable(name, content, write_run, tmp_path):
    files = write_run(tmp_path, "a", 0, 0.1)
    (files.path / name).write_text(content)
    assert RunFiles.read(files, tmp_path).status == "unreadable"


def test_figures_that_are_not_numbers_are_left_out(write_run, tmp_path):
    files = write_run(tmp_path, "a", 0, 0.1)
    report = json.loads(files.report.read_text()) | {"seconds": "long", "work_units": True}
    report["restored"]["loss"] = float("inf")
    files.report.write_text(json.dumps(report))
    row = RunFiles.read(files, tmp_path).row("a")
    assert (row.seconds, row.work_units, row.valid_loss) == (None, None, None)
    assert row.status == "finished"
    assert json.loads(files.environment.read_text())["telegrad"] == __version__


def test_short_names():
    assert short_name("telegrad.tasks.PaperSuperResolution") == "paper_superresolution"
    assert short_name("own") == "own"
