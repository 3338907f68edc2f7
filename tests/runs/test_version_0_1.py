"""Runs, configurations and models that version 0.1 wrote: evaluated, restored, resumed."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from telegrad.cli.main import main
from telegrad.data import Folder
from telegrad.data.image_files import read_picture
from telegrad.inference import evaluate_model, load_model, restore_image
from telegrad.runs.compose import compose
from telegrad.runs.config import Config, parts_from_file
from telegrad.runs.version_0_1 import converted, converted_report, is_of_0_1
from telegrad.training import read_checkpoint

GOLDEN = Path(__file__).parent / "golden_0_1"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
MODELS = sorted((GOLDEN / "results/models").glob("*.pt"))
CONFIGS = sorted((GOLDEN / "results/runs").glob("*/config.yaml"))
RUN = "inpainting_folder_resnet_fullmultiscale_run5"


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_a_model_restores_and_measures_as_it_did(model, tmp_path):
    """Those trained with patches or --adapt could not be evaluated by 0.1; they can be now.

    0.1 measured crops of every tenth image of a folder: here, of the first.
    """
    shutil.copy(GOLDEN / "photos/0_astronaut.png", tmp_path)
    loaded, expected = load_model(model), EXPECTED[model.name]
    image = read_picture(GOLDEN / "photos/2_chelsea.png").rgb * 2 - 1
    restored = restore_image(loaded, image, noise=0.05)
    assert list(restored.shape) == expected["restored_shape"]
    assert restored.double().mean().item() == pytest.approx(expected["restored_mean"], abs=1e-6)
    corrupted, quality = evaluate_model(loaded, Folder(path=str(tmp_path)), images=4)
    if "restored_mse" in expected:
        assert corrupted.mean_mse == pytest.approx(expected["corrupted_mse"], rel=1e-5)
        assert quality.mean_mse == pytest.approx(expected["restored_mse"], rel=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_a_configuration_is_the_same_run(config):
    old = yaml.safe_load(config.read_text())
    assert is_of_0_1(old)
    new = Config.from_dict(old)
    assert new.name == config.parent.name
    assert new.build_strategy().batch_sizes == old["batch_sizes"]
    assert new.build_data().crop == old["img_size"]
    assert new.optimizer.init_args.get("lr") == old["learning_rate"]
    assert compose({"seed": 5}, parts_from_file(old)).seed == 5
    assert Config.from_dict(new.to_dict()) == new


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(GOLDEN / "results", "results")
    shutil.copytree(GOLDEN / "photos", "photos")
    assert main(["train", "--resume", f"results/runs/{RUN}"]) == 0, capsys.readouterr().err
    ours = read_checkpoint(Path("results/runs", RUN, "last.pt"))
    theirs = read_checkpoint(GOLDEN / "whole/last.pt")
    assert ours["progress"]["iteration"] == theirs["progress"]["iteration"] == 12
    for name, weight in theirs["network"].items():
        torch.testing.assert_close(ours["network"][name], weight, rtol=1e-5, atol=1e-7)
    log = Path("results/logs", f"{RUN}_train.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log[1:]] == [str(k) for k in range(1, 13)]


def test_a_network_of_one_s_own_has_to_be_named(tmp_path):
    old = yaml.safe_load(CONFIGS[0].read_text()) | {"network": "own"}
    assert "network" not in converted(old)


def test_figures_have_their_new_names():
    report = converted_report({"took": 3.0, "foretold": 2.0, "psnr": 1.0})
    assert report == {"wall_seconds": 3.0, "estimated_seconds": 2.0, "psnr": 1.0}
