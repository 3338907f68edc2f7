"""All images of folders, whole, or crops of them, and said how."""

from pathlib import Path

import numpy as np
import pytest
import torch
from describe import described
from PIL import Image

from telegrad.cli.main import main
from telegrad.data import Folder
from telegrad.evaluation import Protocol
from telegrad.inference import Model, evaluate_folders, evaluate_model
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
    rows = evaluate_folders(model_of(task, network), [str(photos)]).rows
    assert len(rows) == 12
    for row in rows:
        assert list(row.restored) == ["mse", "psnr", "ssim"]
        assert np.isfinite([*row.corrupted.values(), *row.restored.values()]).all()


def test_it_is_the_same_every_time_and_in_every_company(photos, tmp_path_factory):
    model = model_of("denoising")
    alone = tmp_path_factory.mktemp("alone") / photos.name
    alone.mkdir()
    (alone / "03.png").write_bytes((photos / "03.png").read_bytes())
    first, second = (evaluate_folders(model, [str(folder)]).rows for folder in (photos, alone))
    assert first[3] == second[0]


def test_the_head_says_how(photos):
    evaluation = evaluate_folders(
        model_of("denoising"), [str(photos)], Protocol(sigma=[15], crop_border=3, seed=7)
    )
    head = "\n".join(evaluation.head)
    for words in ("whole, every one", "neither clipped nor rounded; seed 7", "RGB, without 3"):
        assert words in head
    assert "sigma 15" in str(evaluation) and "torchmetrics" in head


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
    said = capsys.readouterr().out
    assert "network ResNet" in said and f"| {photos.name} | 12 " in " ".join(said.split())
    assert main(["evaluate", "m.pt", str(photos), "--images", "6"]) == 0
    assert f"denoising, ResNet, 6 crops of {photos}:" in capsys.readouterr().out


def test_rows_are_written_beside_head_and_means_and_never_over_others(
    photos, tmp_path_factory, capsys, monkeypatch
):
    monkeypatch.setattr("telegrad.cli.evaluate.model_of", lambda *_: model_of("denoising"))
    out = tmp_path_factory.mktemp("out") / "r.csv"
    command = ["evaluate", "m.pt", str(photos), "--sigma", "15", "25", "--out", str(out)]
    assert main(command) == 0
    assert len(out.read_text().splitlines()) == 1 + 24
    assert out.with_suffix(".md").read_text().strip() == capsys.readouterr().out.strip()
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--metrics", "psnr", "simm"], "did you mean ssim?"),
        (["--quality", "10"], "denoising_s25 has no such strength"),
        (["--images", "4", "--channel", "y"], "--channel is of whole images"),
        (["--out", "r.txt"], "needs a name that ends in .csv"),
        (["--tile", "4"], "tile=4"),
        (["--data", "CIFAR10"], "give folders or a dataset"),
        (["--crop_bordr", "4"], "did you mean --crop_border?"),
        (["--crop_border", "30"], "leaves nothing of"),
    ],
)
def test_wrong_options_are_answered_in_a_line(photos, capsys, monkeypatch, words, says):
    monkeypatch.setattr("telegrad.cli.evaluate.model_of", lambda *_: model_of("denoising"))
    assert main(["evaluate", "m.pt", str(photos), *words]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert says in said[-1]


def test_an_image_that_can_not_be_used_is_named_or_skipped(photos):
    (photos / "99.png").write_bytes(b"no image")
    model = model_of("paper_denoising")
    with pytest.raises(OSError, match=r"99\.png.*bad_images=skip"):
        evaluate_folders(model, [str(photos)])
    with pytest.warns(UserWarning, match=r"skipped .*99\.png"):
        assert len(evaluate_folders(model, [str(photos)], bad_images="skip").rows) == 12


def test_images_that_were_trained_on_are_not_mixed_in(photos):
    save(photos / "train/1.png", 40, 40)
    with pytest.raises(ValueError, match="holds train, whose images would be mixed"):
        evaluate_folders(model_of("paper_denoising"), [str(photos)])


def test_psnr_and_ssim_are_of_the_image_that_is_written():
    """Beyond [−1, 1] by 1 at every pixel it is the clean image once it is clipped."""
    clean = torch.ones(1, 3, 32, 32)
    clean[..., ::2] = -1
    quality = quality_of(model_of("paper_denoising").objective, 2 * clean, clean)
    assert quality.psnr.item() == float("inf") and quality.ssim.item() == pytest.approx(1)
    assert quality.mse.item() == quality.loss == 1
