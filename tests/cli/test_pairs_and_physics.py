"""From the shell: pairs and operators are trained on, evaluated, restored, and refused in time."""

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.cli.main import main
from telegrad.data import Folder
from telegrad.evaluation import Protocol
from telegrad.inference import evaluate_folders, evaluate_model, load_model
from telegrad.runs.compose import compose
from telegrad.runs.inputs import inputs_of
from telegrad.runs.items import with_items
from telegrad.tasks import Physics

SMALL = "--network ResNet --network.channels 4 --steps 2 --size 16 --batch_sizes 2,1".split()
SMALL += "--strategy Cascadic --validation.images 2 --validation.times 1".split()


@pytest.fixture
def folder(tmp_path):
    """Three pairs by patterns: the input is darker than the target."""
    random = np.random.default_rng(0)
    for k in range(3):
        target = random.integers(0, 256, (24 + 2 * k, 32, 3), np.uint8)
        Image.fromarray(target).save(tmp_path / f"{k}_mean.png")
        Image.fromarray(target // 2).save(tmp_path / f"{k}_real.png")
    return tmp_path


def pairs(folder):
    data = ["--data", "Pairs", "--data.path", str(folder)]
    return [*data, "--data.input", "*_real.png", "--data.target", "*_mean.png"]


def test_pairs_are_trained_on_evaluated_and_restored(folder, capsys):
    out = folder / "out"
    assert main(["train", "pairs", *pairs(folder), *SMALL, "--out", str(out)]) == 0
    (best,) = (out / "models").glob("*_best.pt")
    model = load_model(best)
    rows = evaluate_folders(model, [str(folder)], Protocol(metrics=["mse"])).rows
    errors = []
    for k in range(3):
        target = np.asarray(Image.open(folder / f"{k}_mean.png")) / 255
        given = np.asarray(Image.open(folder / f"{k}_real.png")) / 255
        errors.append(np.square(target - given).mean())
    measured = [row.corrupted["mse"] for row in rows]
    assert measured == pytest.approx(errors, rel=1e-4)  # the inputs that were taken
    crops, _ = evaluate_model(model, Folder(path=str(folder)), images=3)
    assert len(crops.mse) == 3
    capsys.readouterr()
    assert main(["evaluate", str(best), *pairs(folder)[1:]]) == 0
    assert f"| {folder.name} | 3 " in " ".join(capsys.readouterr().out.split())
    real = str(folder / "0_real.png")
    assert main(["restore", str(best), real, "--out", str(folder / "restored")]) == 0
    with Image.open(folder / "restored/0_real.png") as restored:
        assert restored.size == (32, 24)


def test_a_model_of_pairs_is_not_evaluated_on_images_alone(folder, capsys):
    out = folder / "out"
    assert main(["train", "pairs", *pairs(folder), *SMALL, "--out", str(out)]) == 0
    (best,) = (out / "models").glob("*_best.pt")
    assert main(["evaluate", str(best), "Photographs", "--images", "2"]) != 0
    assert "no input beside" in capsys.readouterr().err


def test_another_scale_is_refused_with_the_right_option(folder, capsys):
    for k in range(3):
        image = Image.open(folder / f"{k}_real.png")
        image.resize((16, image.height // 2)).save(folder / f"{k}_real.png")
    assert main(["train", "pairs", *pairs(folder), *SMALL, "--out", str(folder / "out")]) != 0
    said = capsys.readouterr().err
    assert "has 26×32 pixels and its companion 13×16, which is a scale of 2, not 1" in said
    assert "use --scale 2" in said and not list((folder / "out").rglob("*_best.pt"))


def test_a_task_of_pairs_needs_a_dataset_of_pairs(capsys, tmp_path):
    assert main(["train", "pairs", "--data", "Photographs", *SMALL, "--out", str(tmp_path)]) != 0
    assert "use a dataset of pairs: --data Pairs" in capsys.readouterr().err


def test_a_run_knows_both_files_of_its_pairs(folder):
    data = {"data": "Pairs", "data.path": str(folder)}
    config = compose({"task": "pairs", **data, "input": "*_real.png", "target": "*_mean.png"})
    before = inputs_of(config, config.build_data().source())
    for name in ("1_real.png", "1_mean.png"):
        kept = (folder / name).read_bytes()
        Image.fromarray(np.zeros((26, 32, 3), np.uint8)).save(folder / name)
        assert inputs_of(config, config.build_data().source()) != before
        (folder / name).write_bytes(kept)
    assert inputs_of(config, config.build_data().source()) == before


def test_an_operator_is_trained_on_from_the_shell(folder, tmp_path_factory):
    photos, out = tmp_path_factory.mktemp("photos"), folder / "out"
    for k in range(3):
        (photos / f"{k}.png").write_bytes((folder / f"{k}_mean.png").read_bytes())
    options = "--physics deepinv.physics.Inpainting --physics.mask 0.5 --noise 5".split()
    given = [*options, *SMALL, "--data", str(photos), "--out", str(out)]
    assert main(["train", "physics", *given]) == 0
    (best,) = (out / "models").glob("*_best.pt")
    model = load_model(best)
    assert model.task == Physics(
        physics="deepinv.physics.Inpainting", arguments={"mask": 0.5}, noise=5
    )
    corrupted, _ = evaluate_model(model, Folder(path=str(photos)))
    assert torch.isfinite(corrupted.psnr).all()


def test_a_wrong_argument_of_an_operator_is_answered_with_the_right_one(capsys, tmp_path):
    options = ["--physics", "Inpainting", "--physics.maks", "0.5", "--out", str(tmp_path)]
    assert main(["train", "physics", *options]) != 0
    assert "--physics.maks: no such argument; did you mean mask?" in capsys.readouterr().err


def test_items_of_an_option_are_gathered_and_laid_over_those_before():
    base = compose({"task": "physics", "physics": "Blur", "physics.padding": "circular",
                    "physics.filter": "[[0.5, 0.5]]"})  # fmt: skip
    before = {"padding": "circular", "filter": [[0.5, 0.5]]}
    assert base.build_task().arguments == before
    given = {"physics.padding": "reflect", "steps": 3}
    expected = {"task.arguments": {**before, "padding": "reflect"}, "steps": 3}
    assert with_items(given, {"task": Physics}, {"task": base.task}) == expected
    anew = {"physics": "Inpainting", "physics.mask": "0.25"}
    gathered = with_items(anew, {"task": Physics}, {"task": base.task})
    assert gathered == {"physics": "Inpainting", "task.arguments": {"mask": 0.25}}
