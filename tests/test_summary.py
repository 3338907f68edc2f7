"""Summaries: which runs count, how they are averaged, and what is significant."""

import csv
import json
import math
import shutil
from dataclasses import asdict, fields

import pytest
import yaml
from scipy import stats

from telegrad import __version__
from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.summary import Mean, holm, summarize, write_summary, write_whole
from telegrad.runs.recipes import Recipe

LOSSES = {"single": (0.30, 0.32, 0.31), "auto": (0.21, 0.24, 0.22), "cascadic": (0.22, 0.23, 0.23)}


def write_run(root, label, seed, loss, work=100.0, **options):
    """The files of a finished run, as `Records` leaves them."""
    recipe = Recipe(label=label, seed=seed, img_size=32, **options)
    run = root / label.replace(" ", "_") / f"seed{seed}" / "runs" / recipe.name
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump(asdict(recipe)))
    (run / "environment.json").write_text(json.dumps({"multiscale": __version__, "cores": 2}))
    quality = {"loss": loss, "mse": loss, "psnr": 20 - loss, "ssim": None}
    report = {
        "work_units": work,
        "seconds": 2.0,
        "took": 3.0,
        "foretold": None,
        "peak_memory": 50.0,
    }
    report |= {"best_iteration": 7, "corrupted": quality | {"psnr": 18.0}, "restored": quality}
    (run / "report.json").write_text(json.dumps(report))
    return run


@pytest.fixture
def runs(tmp_path):
    return {
        (label, seed): write_run(tmp_path, label, seed, loss)
        for label, losses in LOSSES.items()
        for seed, loss in enumerate(losses)
    }


def configurations(root):
    (setting,) = summarize(root).settings
    return {c.strategy: c for c in setting.configurations}


def test_means_and_intervals_are_students(runs, tmp_path):
    found = configurations(tmp_path)
    assert list(found) == ["auto", "cascadic", "single"]  # best first
    for label, losses in LOSSES.items():
        mean = found[label].measured["valid_loss"]
        error = stats.sem(losses) * stats.t.ppf(0.975, 2)
        assert mean.mean == pytest.approx(sum(losses) / 3)
        assert (mean.low, mean.high) == pytest.approx((mean.mean - error, mean.mean + error))
        assert found[label].seeds == [0, 1, 2]
    assert found["auto"].measured["ssim"] is None  # not a number


def test_differences_are_tested_in_pairs_and_corrected_for_being_several(runs, tmp_path):
    found = configurations(tmp_path)
    p = [stats.ttest_rel(LOSSES["auto"], LOSSES[name]).pvalue for name in ("cascadic", "single")]
    assert (found["auto"].best, found["auto"].p) == (True, None)
    assert found["single"].p == pytest.approx(2 * p[1])
    assert found["cascadic"].p == pytest.approx(max(2 * p[1], p[0]))
    assert found["single"].p < 0.05 < found["cascadic"].p


def test_other_seeds_are_tested_unpaired(runs, tmp_path):
    shutil.rmtree(runs["cascadic", 2].parent.parent)
    shutil.rmtree(tmp_path / "single")
    p = stats.ttest_ind(LOSSES["auto"], LOSSES["cascadic"][:2], equal_var=False).pvalue
    assert configurations(tmp_path)["cascadic"].p == pytest.approx(p)


def test_one_seed_is_neither_tested_nor_the_best_of_several(runs, tmp_path):
    write_run(tmp_path, "lucky", 0, 0.1)
    found = configurations(tmp_path)
    assert found["auto"].best
    assert list(found)[-1] == "lucky"
    assert (found["lucky"].p, found["lucky"].best) == (None, False)
    assert found["lucky"].measured["valid_loss"] == Mean(0.1, None, None)
    assert "not tested: needs two seeds" in str(summarize(tmp_path))


def test_runs_that_are_not_whole_are_named_and_not_averaged_in(runs, tmp_path):
    (runs["auto", 0] / "report.json").unlink()
    environment = runs["single", 0] / "environment.json"
    environment.write_text(json.dumps({"multiscale": "0.0.1"}))
    (runs["cascadic", 0] / "report.json").write_text('{"work_units": 1')
    (runs["cascadic", 1] / "config.yaml").write_text("task: [")
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
    report = json.loads((runs["auto", 1] / "report.json").read_text())
    report["restored"]["loss"] = math.nan
    (runs["auto", 1] / "report.json").write_text(json.dumps(report))
    found = configurations(tmp_path)
    assert found["cascadic"].best
    assert found["auto"].measured["valid_loss"] is None
    assert found["auto"].p is None
    write_summary(tmp_path)
    assert "NaN" not in (tmp_path / "summary.json").read_text()


def test_other_problems_are_settings_of_their_own_and_unequal_budgets_are_told(runs, tmp_path):
    write_run(tmp_path, "deblurring", 0, 0.5, task="deblurring")
    write_run(tmp_path, "longer", 0, 0.1, work=110.0)
    first, second = sorted(summarize(tmp_path).settings, key=lambda s: len(s.configurations))
    assert (first.options["task"], second.options["task"]) == ("deblurring", "denoising")
    assert (first.equal_budgets, second.equal_budgets) == (True, False)
    assert "budgets differ" in str(summarize(tmp_path))


def test_configurations_of_one_label_are_told_apart_by_what_differs(tmp_path):
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
    assert set(content) == {"multiscale", "runs", "settings", "environments"}
    assert len(content["environments"]) == 1


def test_a_full_disk_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "summary.csv"
    write_whole(path, "before")

    def full(self, *_, **__):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_text", full)
    with pytest.raises(OSError, match=r"summary\.csv can't be written .*what was there is kept"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("place", "says"), [("nowhere", "is not a directory"), (".", "holds no runs")]
)
def test_directories_without_runs_are_refused(place, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        summarize(tmp_path / place)


def test_holms_correction_never_falls_and_never_exceeds_one():
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.01, 0.011, 0.012]) == pytest.approx([0.03, 0.03, 0.03])
