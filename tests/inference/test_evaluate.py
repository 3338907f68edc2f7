"""All images of a folder, whole, and said how many."""

from pathlib import Path

import numpy as np
import pytest
import torch
from describe import described
from PIL import Image

from telegrad.cli.main import main
from telegrad.data import Folder
from telegrad.inference import Model, evaluate_model
from telegrad.runs.build import build_network, build_objective
from telegrad.training.validation import quality_of


def save(path: Path, height: int, width: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(path)


def model_of(task: str, network: str = "resnet") -> Model:
    config = described(task=task, network=network, channels=8, size=32)
    return Model(config, build_objective(config), build_network(config).eval())


@pytest.fixture
def photos(tmp_path):
    """Twelve images of several sizes, odd ones too."""
    for k in range(12):
        save(tmp_path / f"{k:02}.png", 33 + k, 47 - k, seed=k)
    return tmp_path


@pytest.mark.parametrize(
    "task", ["paper_denoising", "paper_deblurring", "paper_inpainting", "paper_superresolution"]
)
def test_every_image_of_a_folder_is_measured_whole(photos, task):
    network = "srnet" if task == "paper_superresolution" else "resnet"
    corrupted, restored = evaluate_model(model_of(task, network), Folder(path=str(photos)))
    assert len(corrupted.psnr) == len(restored.psnr) == 12
    assert restored.psnr.isfinite().all() and restored.ssim.isfinite().all()


def test_it_is_the_same_every_time(photos):
    model, folder = model_of("paper_denoising"), Folder(path=str(photos))
    first, second = (evaluate_model(model, folder)[1].psnr for _ in range(2))
    assert torch.equal(first, second)


def test_crops_are_of_all_images_where_they_are_asked_for(photos):
    for options in ({"images": 12}, {"images": 24}):
        _, restored = evaluate_model(
            model_of("paper_denoising"), Folder(path=str(photos)), **options
        )
        assert len(restored.psnr) == options["images"]
    cropped = Folder(path=str(photos), size=16)
    assert len(evaluate_model(model_of("paper_denoising"), cropped)[1].psnr) == 64


def test_the_command_says_how_many_and_of_what(photos, tmp_path_factory, capsys, monkeypatch):
    model = model_of("paper_denoising")
    monkeypatch.setattr("telegrad.cli.evaluate.model_of", lambda *_: model)
    assert main(["evaluate", "m.pt", str(photos)]) == 0
    assert f"denoising, ResNet, 12 whole images of {photos}:" in capsys.readouterr().out
    assert main(["evaluate", "m.pt", str(photos), "--images", "6"]) == 0
    assert f"denoising, ResNet, 6 crops of {photos}:" in capsys.readouterr().out


def test_an_image_that_can_not_be_used_is_named_or_skipped(photos):
    (photos / "99.png").write_bytes(b"no image")
    with pytest.raises(OSError, match=r"99\.png.*bad_images=skip"):
        evaluate_model(model_of("paper_denoising"), Folder(path=str(photos)))
    with pytest.warns(UserWarning, match=r"skipped .*99\.png"):
        _, restored = evaluate_model(
            model_of("paper_denoising"), Folder(path=str(photos), bad_images="skip")
        )
    assert len(restored.psnr) == 12


def test_images_that_were_trained_on_are_not_mixed_in(photos):
    save(photos / "train/1.png", 40, 40)
    with pytest.raises(ValueError, match="holds train, whose images would be mixed"):
        evaluate_model(model_of("paper_denoising"), Folder(path=str(photos)))


def test_psnr_and_ssim_are_of_the_image_that_is_written():
    """Beyond [−1, 1] by 1 at every pixel it is the clean image once it is clipped."""
    clean = torch.ones(1, 3, 32, 32)
    clean[..., ::2] = -1
    quality = quality_of(model_of("paper_denoising").objective, 2 * clean, clean)
    assert quality.psnr.item() == float("inf") and quality.ssim.item() == pytest.approx(1)
    assert quality.mse.item() == quality.loss == 1
