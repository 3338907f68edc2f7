"""The networks that come along: small, known by their cards, and of use on photographs."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import telegrad
from telegrad.cli.main import main
from telegrad.cli.network_option import model_of
from telegrad.data import Photographs
from telegrad.inference import restore_image
from telegrad.pretrained import card, load, names
from telegrad.pretrained.cards import FOLDER
from telegrad.tasks import JPEG, Denoising, SuperResolution


@pytest.fixture(scope="module")
def scene():
    """A part of a photograph, (3, 128, 128) in [0, 1]."""
    pixels = torch.tensor(Photographs().source().val[-1].open()).permute(2, 0, 1)
    return pixels[:, 100:228, 200:328].float() / 255


def psnr(images, clean):
    return -10 * math.log10((images.clamp(0, 1) - clean).square().mean().item())


CORRUPTED = {
    "denoise": [Denoising(sigma=s, grain=g) for s in (10, 25, 50) for g in (0.0, 0.8)],
    "jpeg": [JPEG(quality=10), JPEG(quality=30)],
    "x2": [SuperResolution(scale=2)],
}
"""What each of them undoes."""


def test_all_together_are_at_most_two_megabytes_and_each_has_its_card():
    assert names()[0] == "denoise" and set(names()) <= CORRUPTED.keys()
    assert sum(file.stat().st_size for file in FOLDER.glob("*.safetensors")) <= 2e6
    assert {file.stem for file in FOLDER.glob("*.safetensors")} == set(names())
    for one in map(card, names()):
        assert one.license and one.data and one.command and one.figures
        assert all(figure.after > figure.before for figure in one.figures)
        assert str(one).startswith(f"{one.name}: ")


@pytest.mark.parametrize(
    ("name", "task"), [(name, task) for name in names() for task in CORRUPTED[name]]
)
def test_each_comes_nearer_to_a_clean_photograph_than_what_it_is_given(name, task, scene):
    draw = task.draw(scene[None], torch.Generator().manual_seed(0))
    given, second = task.observe(draw)[0], task.unrestored(draw)[0]
    restored = restore_image(load(name), given)
    assert psnr(restored, scene) > psnr(second, scene) + 0.3


def test_it_is_at_hand_from_python():
    assert telegrad.pretrained.load("denoise").task.name == "denoising_s0-50_g0-1.5"
    with pytest.raises(ValueError, match="no network 'denoize'; did you mean denoise?"):
        load("denoize")


def test_restore_works_without_a_model_and_replaces_nothing(scene, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = (255 * scene[:, :48, :40]).byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save("photo.png")
    assert main(["restore", "photo.png"]) == 0
    assert main(["restore", "photo.png"]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    for name in names():
        assert main(["restore", "photo.png", "--model", name, "--out", name]) == 0
        factor = 2 if name == "x2" else 1
        with Image.open(f"{name}/photo.png") as image:
            assert image.size == (40 * factor, 48 * factor)
    assert main(["restore", "denoise", "photo.png", "--model", "denoise"]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.parametrize("holds", [None, "photo.png", "config.yaml"])
def test_a_folder_of_its_name_is_not_in_the_way(holds, scene, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = (255 * scene[:, :48, :40]).byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save("photo.png")
    for name in names():
        Path(name).mkdir()
        if holds is not None:
            Path(name, holds).write_bytes(Path("photo.png").read_bytes())
    small = ["--data", "EightPhotographs", "--size", "16"]
    assert main(["restore", "photo.png"]) == 0
    assert main(["evaluate", "denoise", *small, "--images", "2"]) == 0
    assert main(["diagnose", "denoise", *small, "--levels", "1", "--draws", "2"]) == 0
    assert main(["export", "denoise", "--to", "safetensors", "--out", "w.safetensors"]) == 0
    assert capsys.readouterr().err == ""


def test_a_file_or_a_run_of_its_name_goes_first(tmp_path, monkeypatch, capsys):
    small = "--network PlainCNN --network.channels 4 --size 16 --steps 1 --validation.images 2"
    made = ["--validation.times", "1", "--device", "cpu", "--out", str(tmp_path)]
    assert main(["train", "denoising", *small.split(), *made]) == 0
    (run,) = tmp_path.glob("runs/*")
    (best,) = tmp_path.glob("models/*_best.pt")
    best.rename(best.with_name("jpeg_best.pt"))
    run.rename(run.with_name("jpeg"))
    monkeypatch.chdir(tmp_path / "runs")
    assert model_of("jpeg", "cpu", {}).config.network.short_name == "PlainCNN"
    Path("x2").write_bytes((tmp_path / "models/jpeg_best.pt").read_bytes())
    assert model_of("x2", "cpu", {}).config.network.short_name == "PlainCNN"


def test_models_lists_them_and_prints_a_card(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in names())
    assert main(["models", "denoise"]) == 0
    assert "license" in capsys.readouterr().out
    assert main(["models", "denoize"]) == 2
    assert "did you mean denoise?" in capsys.readouterr().err
