"""Summaries: which runs count, how they are averaged, and what is significant."""

import csv
import json
import math
import os
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from scipy import stats

from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.significance import Mean
from telegrad.experiments.summary import summarize, write_summary

LOSSES = {"single": (0.30, 0.32, 0.31), "auto": (0.21, 0.24, 0.22), "cascadic": (0.22, 0.23, 0.23)}


@pytest.fixture
def runs(tmp_path, write_run):
    return {
        (label, seed): write_run(tmp_path, label, seed, loss)
        for label, losses in LOSSES.items()
        for seed, loss in enumerate(losses)
    }


def configurations(root):
    (setting,) = summarize(root).settings
    return {c.strategy: c for c in setting.configurations}


def test_means_and_intervals_are_students(runs, tmp_path):
    made = configurations(tmp_path)
    assert list(made) == ["auto", "cascadic", "single"]  # best first
    for label, losses in LOSSES.items():
        mean = made[label].measured["valid_loss"]
        error = stats.sem(losses) * stats.t.ppf(0.975, 2)
        assert mean.mean == pytest.approx(sum(losses) / 3)
        assert (mean.low, mean.high) == pytest.approx((mean.mean - error, mean.mean + error))
        assert made[label].seeds == [0, 1, 2]
    assert made["auto"].measured["ssim"] is None  # not a number


def test_differences_are_tested_in_pairs_and_corrected_for_being_several(runs, tmp_path):
    made = configurations(tmp_path)
    p = [stats.ttest_rel(LOSSES["auto"], LOSSES[name]).pvalue for name in ("cascadic", "single")]
    assert (made["auto"].best, made["auto"].p) == (True, None)
    assert made["single"].p == pytest.approx(2 * p[1])
    assert made["cascadic"].p == pytest.approx(max(2 * p[1], p[0]))
    assert made["single"].p < 0.05 < made["cascadic"].p


def test_other_seeds_are_tested_unpaired(runs, tmp_path):
    shutil.rmtree(runs["cascadic", 2].results)
    shutil.rmtree(tmp_path / "single")
    p = stats.ttest_ind(LOSSES["auto"], LOSSES["cascadic"][:2], equal_var=False).pvalue
    assert configurations(tmp_path)["cascadic"].p == pytest.approx(p)


def test_one_seed_is_neither_tested_nor_the_best_of_several(runs, tmp_path, write_run):
    write_run(tmp_path, "lucky", 0, 0.1)
    made = configurations(tmp_path)
    assert made["auto"].best
    assert list(made)[-1] == "lucky"
    assert (made["lucky"].p, made["lucky"].best) == (None, False)
    assert made["lucky"].measured["valid_loss"] == Mean(0.1, None, None)
    assert "not tested: needs two seeds" in str(summarize(tmp_path))


def test_runs_that_are_not_whole_are_named_and_not_averaged_in(runs, tmp_path):
    runs["auto", 0].report.unlink()
    environment = runs["single", 0].environment
    environment.write_text(json.dumps({"telegrad": "0.0.1"}))
    runs["cascadic", 0].report.write_text('{"work_units": 1')
    runs["cascadic", 1].config.write_text("task: [")
    summary = summarize(tmp_path)
    status = {(run.strategy, run.seed): run.status for run in summary.runs}
    assert status["auto", 0] == "unfinished"
    assert status["single", 0] == "other version"
    assert [run.status for run in summary.runs].count("unreadable") == 2
    (setting,) = summary.settings
    assert {c.strategy: c.seeds for c in setting.configurations} == {
        "auto": [1, 2],
        "single": [1, 2],
        "cascadic": [2],
    }
    assert "unfinished, not averaged in" in str(summary)


def test_a_loss_that_is_not_a_number_is_not_the_best(runs, tmp_path):
    report = json.loads(runs["auto", 1].report.read_text())
    report["restored"]["loss"] = math.nan
    runs["auto", 1].report.write_text(json.dumps(report))
    made = configurations(tmp_path)
    assert made["cascadic"].best
    assert made["auto"].measured["valid_loss"] is None
    assert made["auto"].p is None
    write_summary(tmp_path)
    assert "NaN" not in (tmp_path / "summary.json").read_text()


def test_other_problems_are_settings_of_their_own_and_unequal_budgets_are_told(
    runs, tmp_path, write_run
):
    write_run(tmp_path, "deblurring", 0, 0.5, task="paper_deblurring")
    write_run(tmp_path, "longer", 0, 0.1, work=110.0)
    first, second = sorted(summarize(tmp_path).settings, key=lambda s: len(s.configurations))
    assert (first.options["task"], second.options["task"]) == (
        "telegrad.tasks.PaperDeblurring",
        "telegrad.tasks.PaperDenoising",
    )
    assert (first.equal_budgets, second.equal_budgets) == (True, False)
    assert "budgets differ" in str(summarize(tmp_path))


def test_a_folder_is_one_problem_however_its_path_is_spelled(tmp_path, write_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    spelled = ["photos", "./photos", "photos/", f"{tmp_path}/photos", "runs/../photos"]
    for seed, path in enumerate(spelled):
        write_run(tmp_path / "runs", "single", seed, 0.1 * seed, data="Folder", path=path)
    write_run(tmp_path / "runs", "single", 9, 0.5, data="Folder", path="others")
    sizes = [[len(c.seeds) for c in s.configurations] for s in summarize("runs").settings]
    assert sorted(sizes) == [[1], [len(spelled)]]


def test_configurations_of_one_label_are_told_apart_by_what_differs(tmp_path, write_run):
    for batch_size in (2, 4):
        write_run(tmp_path / str(batch_size), "single", 0, 0.1 * batch_size, batch_size=batch_size)
    assert list(configurations(tmp_path)) == ["single (batch_size=2)", "single (batch_size=4)"]


def test_the_files_hold_every_run(runs, tmp_path):
    write_summary(tmp_path)
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [field.name for field in fields(RunSummary)]
    assert {(row["strategy"], int(row["seed"])): float(row["valid_loss"]) for row in rows} == {
        (label, seed): loss for label, of in LOSSES.items() for seed, loss in enumerate(of)
    }
    content = json.loads((tmp_path / "summary.json").read_text())
    assert set(content) == {"telegrad", "runs", "settings", "environments"}
    assert len(content["environments"]) == 1


def test_a_full_disk_keeps_the_earlier_files(runs, tmp_path, monkeypatch):
    write_summary(tmp_path)
    before = (tmp_path / "summary.csv").read_text()
    runs["auto", 0].report.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"summary\.csv can't be written .*before is unchanged"):
        write_summary(tmp_path)
    assert (tmp_path / "summary.csv").read_text() == before
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("place", "says"), [("nowhere", "is not a directory"), (".", "holds no runs")]
)
def test_directories_without_runs_are_refused(place, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        summarize(tmp_path / place)


PROBLEM = [
    {"network": "ResNet"},
    {"network.channels": 16},
    {"data": "CIFAR10", "size": 32},
    {"size": 64},
    {"t_max": 0.5},
    {"loss": "L1"},
    {"validation.images": 8},
]
TRAINING = [
    {"strategy": "Cascadic"},
    {"batch_size": 8},
    {"budget": "90wu"},
    {"learning_rate": 1e-4},
    {"optimizer": "SGD"},
    {"precision": "bf16-mixed"},
    {"ema": 0.99},
    {"validation.times": 3},
]
PLACE = [{"device": "cpu"}, {"memory": 1.0}, {"save_every": 5.0}, {"run_id": 2}, {"processes": 2}]


@pytest.mark.parametrize("change", [*PROBLEM, *TRAINING, *PLACE], ids=str)
def test_parts_decide_the_problem_the_training_or_nothing(change, tmp_path, write_run):
    write_run(tmp_path / "a", "same", 0, 0.1)
    write_run(tmp_path / "b", "same", 1, 0.1, **change)
    settings = summarize(tmp_path).settings
    assert len(settings) == (2 if change in PROBLEM else 1)
    if change not in PROBLEM:
        assert len(settings[0].configurations) == (2 if change in TRAINING else 1)


def test_a_setting_is_named_by_what_is_not_as_by_default(tmp_path, write_run):
    options = {"network": "ResNet", "network.channels": 16, "t_max": 0.5, "loss": "Charbonnier"}
    write_run(tmp_path, "a", 0, 0.1, **options, **{"data": "Folder", "data.path": "/home/me/DIV2K"})
    (setting,) = summarize(tmp_path).settings
    parts = "paper_denoising, resnet 16, folder, t_max 0.5, path DIV2K, size 32, loss charbonnier"
    assert sorted(setting.name.split(", ")) == sorted(parts.split(", "))


def test_a_seed_counts_once_however_often_it_was_run(runs, tmp_path, write_run):
    """A copy of a run, or the same once more, is no evidence."""
    before = summarize(tmp_path)
    shutil.copytree(tmp_path / "auto", tmp_path / "backup" / "auto")
    after = summarize(tmp_path)
    assert len(after.runs) == len(before.runs) + 3
    for old, new in zip(
        before.settings[0].configurations, after.settings[0].configurations, strict=True
    ):
        assert (new.seeds, new.measured, new.p) == (old.seeds, old.measured, old.p)
    assert str(after).count("a configuration and seed once more, not counted.") == 3
