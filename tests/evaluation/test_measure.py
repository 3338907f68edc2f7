"""Whole images measured as the field measures them."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from telegrad.evaluation import Protocol, image_sets, means, means_table, measured, write_rows
from telegrad.evaluation.measure import values
from telegrad.evaluation.whole import whole_draw
from telegrad.networks.tiles import Tiled
from telegrad.tasks import JPEG, Denoising, PaperDeblurring, PaperDenoising, SuperResolution


class Identity(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x, sigma=None):
        return x


def folder(path: Path, images: int = 2, height: int = 40, width: int = 44, grey: bool = False):
    path.mkdir(parents=True, exist_ok=True)
    for k in range(images):
        random = np.random.default_rng(k)
        shape = (height, width) if grey else (height, width, 3)
        Image.fromarray(random.integers(60, 196, shape, np.uint8)).save(path / f"{k}.png")
    return str(path)


def whole_of(path, task):
    (a_set,) = image_sets([path], task)
    return whole_draw(task, a_set.images[0], 0)


def test_noise_of_a_level_has_the_psnr_that_its_level_says(tmp_path):
    task = Denoising()
    sets = image_sets([folder(tmp_path / "a", height=200, width=200)], task)
    found = means(measured(None, task, sets, Protocol(sigma=[15, 25, 50])))
    assert [mean.strength for mean in found] == ["sigma 15", "sigma 25", "sigma 50"]
    for mean, sigma in zip(found, (15, 25, 50), strict=True):
        assert mean.corrupted["psnr"] == pytest.approx(20 * math.log10(255 / sigma), abs=0.05)
        assert mean.restored == {}


def test_an_error_at_the_border_is_ignored_by_a_border_and_not_without(tmp_path):
    task = Denoising()
    whole = whole_of(folder(tmp_path / "a"), task)
    restored = whole.draw["clean"].clone()
    restored[..., :3, :] = 0
    found = [
        values(restored, whole, Protocol(crop_border=border).of_task(task))["psnr"]
        for border in (0, 2, 3)
    ]
    assert found[0] < found[1] < 40 and found[2] == math.inf


def test_what_comes_out_is_clipped_and_rounded_unless_it_is_not_to_be(tmp_path):
    task = Denoising()
    whole = whole_of(folder(tmp_path / "a"), task)
    nearly = whole.draw["clean"] + 0.4 / 255
    plain = Protocol().of_task(task)
    assert values(nearly, whole, plain)["psnr"] == math.inf
    exact = values(nearly, whole, replace(plain, rounding=False))["psnr"]
    assert exact == pytest.approx(20 * math.log10(255 / 0.4), abs=1e-2)


def test_mse_is_on_the_tasks_range_and_of_what_comes_out(tmp_path):
    task = PaperDenoising()
    whole = whole_of(folder(tmp_path / "a"), task)
    found = values(whole.draw["clean"] + 3, whole, Protocol().of_task(task))
    assert found["mse"] == pytest.approx(9, rel=1e-5)
    assert list(found) == ["mse", "psnr", "ssim"]


def test_a_constant_error_in_y_counts_219_of_255(tmp_path):
    task = SuperResolution(scale=2)
    whole = whole_of(folder(tmp_path / "a"), task)
    protocol = Protocol(rounding=False).of_task(task)
    assert (protocol.channel, protocol.crop_border) == ("y", 2)
    psnr = values(whole.draw["clean"] + 10 / 255, whole, protocol)["psnr"]
    assert psnr == pytest.approx(20 * math.log10(255 / (10 * 219 / 255)), abs=0.01)


def test_the_fields_defaults():
    blind, single = Protocol().of_task(Denoising(sigma="0..30")), Protocol().of_task(Denoising())
    assert blind.sigma == [15, 25] and single.sigma == [25]
    assert (single.channel, single.crop_border, single.metrics) == ("rgb", 0, ["psnr", "ssim"])
    assert Protocol().of_task(SuperResolution(scale=4)).crop_border == 4
    assert Protocol().of_task(SuperResolution(scale=4, color="grey")).channel == "rgb"


def test_jpeg_has_its_qualities_and_a_blurs_width_is_no_noise_level():
    protocol = Protocol().of_task(JPEG())
    assert [said for said, _ in protocol.variants(JPEG())] == [
        f"quality {q}" for q in (10, 20, 30, 40)
    ]
    assert Protocol().of_task(PaperDeblurring()).sigma is None


@pytest.mark.parametrize(
    ("protocol", "task", "says"),
    [
        (Protocol(sigma=[25]), SuperResolution(), "--sigma: superresolution_x2 has no such"),
        (Protocol(channel="y"), Denoising(color="grey"), "of grey images"),
    ],
)
def test_what_does_not_suit_the_task_is_refused(protocol, task, says):
    with pytest.raises(ValueError, match=says):
        protocol.of_task(task)


def test_a_network_that_does_nothing_is_as_good_as_its_images(tmp_path):
    task = Denoising()
    sets = image_sets([folder(tmp_path / "a")], task)
    plain, ensemble = (
        measured(Tiled(Identity(), task.call, 32), task, sets, Protocol(self_ensemble=e))
        for e in (False, True)
    )
    clipped = [row.restored["psnr"] for row in plain]
    assert all(a >= row.corrupted["psnr"] for a, row in zip(clipped, plain, strict=True))
    assert clipped == pytest.approx([row.restored["psnr"] for row in ensemble], abs=1e-3)


def test_every_image_has_a_row_and_every_set_a_line(tmp_path):
    task = Denoising()
    paths = [folder(tmp_path / "x/val", 2), folder(tmp_path / "y/val", 3)]
    sets = image_sets(paths, task)
    rows = measured(None, task, sets, Protocol(sigma=[15, 25]))
    write_rows(tmp_path / "r.csv", rows)
    with (tmp_path / "r.csv").open(newline="") as file:
        stored = list(csv.DictReader(file))
    assert len(stored) == 10
    assert [(r["set"], r["image"], r["corruption"]) for r in stored[:3]] == [
        ("x/val", "0.png", "sigma 15"), ("x/val", "1.png", "sigma 15"), ("x/val", "0.png", "sigma 25"),
    ]  # fmt: skip
    assert float(stored[0]["corrupted_psnr"]) == pytest.approx(rows[0].corrupted["psnr"], rel=1e-5)
    found = means(rows)
    assert [mean.images for mean in found] == [2, 2, 3, 3]
    expected = np.mean([row.corrupted["psnr"] for row in rows[:2]])
    assert found[0].corrupted["psnr"] == pytest.approx(expected)
    assert len(means_table(found).splitlines()) == 2 + 4


def test_folders_are_refused_before_anything_is_measured(tmp_path):
    task = Denoising()
    a = folder(tmp_path / "a")
    with pytest.raises(ValueError, match="given twice"):
        image_sets([a, a], task)
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        image_sets([a, str(tmp_path / "none")], task)
    with pytest.raises(ValueError, match="no folder"):
        image_sets([], task)


def test_images_too_small_for_a_metric_are_named(tmp_path):
    folder(tmp_path / "a")
    Image.new("RGB", (5, 7)).save(tmp_path / "a" / "tiny.png")
    sets = image_sets([str(tmp_path / "a")], Denoising())
    with pytest.warns(UserWarning, match=r"too small for ssim: 1 of the images, such as .*tiny"):
        rows = measured(None, Denoising(), sets, Protocol(metrics=["psnr", "ssim"], sigma=[15, 25]))
    assert len(rows) == 6
