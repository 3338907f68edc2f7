"""Whole images that a run is measured on, beside the crops that it is chosen by."""

import csv
import json

import numpy as np
import pytest
import torch
from describe import changed, described
from PIL import Image

from telegrad.inference import evaluate_folders, load_model
from telegrad.runs.planning import plan
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.sets import SetsValidation


@pytest.fixture
def a_run(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 256, (24, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    more = {"validation.sets": [str(folder)], "validation.sets_every": 2, "out": str(tmp_path)}
    return described(
        task="denoising", network="ResNet", channels=4, size=16, steps=8, batch_sizes=[2],
        images=4, validations=4, **more,
    )  # fmt: skip


def rows_of(file):
    with file.open(newline="") as content:
        return list(csv.DictReader(content))


def test_they_are_measured_as_evaluate_does_now_and_then_and_at_the_end(a_run):
    report = run(a_run)
    (folder,) = a_run.validation.sets
    rows = rows_of(report.files.sets)
    assert [int(row["iteration"]) for row in rows] == [4, 8]
    stored = json.loads(report.files.report.read_text())["sets"]
    (mean,) = report.sets
    assert stored == [mean.columns()] and mean.images == 2
    evaluated = evaluate_folders(load_model(report.files.best), [folder]).rows
    assert mean.restored["psnr"] == pytest.approx(
        np.mean([row.restored["psnr"] for row in evaluated]), abs=1e-6
    )


def test_a_network_that_sees_the_whole_image_restores_pieces_as_large_as_its_last_crops(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    (tmp_path / "set").mkdir()
    Image.fromarray(pixels).save(tmp_path / "set" / "0.png")
    more = {"validation.sets": [str(tmp_path / "set")], "out": str(tmp_path)}
    options = dict(
        task="denoising", network="unet", channels=16, size=64, steps=4, images=2, validations=1
    )
    patches = described(strategy="race", **options, **more)
    report = run(patches)
    files = report.files
    models = [load_model(file) for file in (files.best, files.weights, files.path, files.last)]
    assert {model.tile for model in models} == {32}
    (row,) = evaluate_folders(models[0], more["validation.sets"]).rows
    assert report.sets[0].restored["psnr"] == pytest.approx(row.restored["psnr"], abs=1e-6)
    assert models[0].tiled(torch.rand(1, 3, 64, 64), tile=64).shape == (1, 3, 64, 64)
    whole = described(strategy="cascadic", levels=2, batch_sizes=[2, 1], **options, **more)
    assert load_model(run(whole).files.best).tile == 64


def test_during_a_run_these_pieces_are_as_large_as_the_crops_of_its_stage(a_run, monkeypatch):
    rows, crops = SetsValidation.rows, []

    def noted(self, network, sets=None, crop=None):
        crops.append(crop)
        return rows(self, network, sets, crop)

    monkeypatch.setattr(SetsValidation, "rows", noted)
    growing = {
        "strategy": "growing_patches",
        "strategy.levels": 2,
        "strategy.batch_sizes": [2, 1],
        "strategy.steps": 8,
    }
    report = run(changed(a_run, **{"validation.sets_every": 1, **growing}))
    levels = [int(row["level"]) for row in rows_of(report.files.progress)]
    assert set(levels) == {0, 1}
    best = read_checkpoint(report.files.best)["level"]
    measured = [crop for crop in crops if crop is not None]  # the first is to time it
    assert measured == [(8, 16)[level] for level in [*levels, best]]


def test_a_run_that_goes_on_keeps_its_rows_and_its_turn(a_run):
    first = run(a_run)
    again = run(changed(a_run, steps=12, validations=6), resume=True)
    rows = rows_of(again.files.sets)
    assert [int(row["iteration"]) for row in rows] == [4, 8, 12]
    assert first.progress.validations == 4 and again.progress.validations == 6


def test_what_they_cost_is_in_the_plan(a_run):
    planned = plan(a_run)
    assert planned.sets_seconds > 0
    assert "sets of whole images at the end" in str(planned)
    assert planned.seconds == pytest.approx(planned.forecast.total + planned.sets_seconds)


def test_folders_are_looked_at_before_images_to_train_on(a_run, monkeypatch):
    opened = "images were looked at"
    monkeypatch.setattr(type(a_run.build_data()), "source", lambda self: pytest.fail(opened))
    with pytest.raises(ValueError, match="beta"):
        run(changed(a_run, **{"optimizer.betas": [2.0, 0.9]}))
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        run(changed(a_run, **{"validation.sets": ["nowhere"]}))
    with pytest.raises(ValueError, match="sets_every=2: needs sets"):
        described(**{"validation.sets_every": 2})
