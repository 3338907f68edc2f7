"""The networks that come along: small, known by their cards, and of use on photographs."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

import telegrad
from telegrad.cli.main import main
from telegrad.data import Photographs
from telegrad.inference import restore_image
from telegrad.pretrained import card, load, names
from telegrad.pretrained.cards import FOLDER
from telegrad.tasks import JPEG, Denoising


@pytest.fixture(scope="module")
def scene():
    """A part of a photograph, (3, 128, 128) in [0, 1]."""
    pixels = torch.from_numpy(Photographs().source().val[-1].open()).permute(2, 0, 1)
    return pixels[:, 100:228, 200:328].float() / 255


def psnr(images, clean):
    return -10 * math.log10((images.clamp(0, 1) - clean).square().mean().item())


def corrupted(task, clean):
    return task.observe(task.draw(clean[None], torch.Generator().manual_seed(0)))[0]


def test_all_together_are_at_most_two_megabytes_and_each_has_its_card():
    assert sum(file.stat().st_size for file in FOLDER.glob("*.safetensors")) <= 2e6
    assert (
        {f.stem for f in FOLDER.glob("*.safetensors")} == set(names()) == {"denoise", "jpeg", "x2"}
    )
    for one in map(card, names()):
        assert one.license and one.data and one.command and one.figures
        assert all(figure.after > figure.before for figure in one.figures)
        assert str(one).startswith(f"{one.name}: ")


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_noise_of_any_strength_is_lowered(sigma, scene):
    for grain in (0.0, 0.8):
        noisy = corrupted(Denoising(sigma=sigma, grain=grain), scene)
        assert psnr(restore_image(load("denoise"), noisy), scene) > psnr(noisy, scene) + 1


@pytest.mark.parametrize("quality", [10, 30])
def test_artifacts_are_lowered(quality, scene):
    coded = corrupted(JPEG(quality=quality), scene)
    assert psnr(restore_image(load("jpeg"), coded), scene) > psnr(coded, scene) + 0.3


def test_an_image_is_doubled(scene):
    doubled = restore_image(telegrad.pretrained.load("x2"), scene)
    assert doubled.shape == (3, 256, 256)


def test_restore_works_without_a_model_and_replaces_nothing(scene, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = (255 * scene[:, :48, :40]).byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save("photo.png")
    assert main(["restore", "photo.png"]) == 0
    assert main(["restore", "photo.png"]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert main(["restore", "photo.png", "--model", "x2", "--out", "large"]) == 0
    with Image.open("restored/photo.png") as image, Image.open("large/photo.png") as large:
        assert (image.size, large.size) == ((40, 48), (80, 96))


def test_models_lists_them_and_prints_a_card(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in names())
    assert main(["models", "denoise"]) == 0
    assert "license" in capsys.readouterr().out
    assert main(["models", "denoize"]) == 2
    assert "did you mean denoise?" in capsys.readouterr().err
