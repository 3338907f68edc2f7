"""Networks of other people, through the same loop."""

import deepinv
import pytest
import torch
from torch import nn

from telegrad.cli.main import main
from telegrad.inference.model import evaluate_model, load_model
from telegrad.networks import WithNoiseLevel, WithoutTime
from telegrad.runs.recipes import Recipe
from telegrad.runs.run import run

OPTIONS = {
    "network": "own",
    "img_size": 32,
    "levels": 2,
    "batch_size": 2,
    "work_units": 12.0,
    "val_images": 4,
    "validations": 1,
    "device": "cpu",
}


def plain():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))


MODELS = {
    "plain module": lambda: WithoutTime(plain()),
    "deepinv DnCNN": lambda: WithNoiseLevel(deepinv.models.DnCNN(depth=4, nf=8, pretrained=None)),
    "deepinv UNet": lambda: WithNoiseLevel(deepinv.models.UNet(3, 3, scales=2), divisor=4),
    "deepinv DRUNet": lambda: WithNoiseLevel(
        deepinv.models.DRUNet(nc=(4, 4, 4, 4), nb=1, pretrained=None)
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["deblurring", "superresolution"])
@pytest.mark.parametrize("mode", ["multiscale", "fullmultiscale"])
def test_it_trains_and_is_loaded_again(model, task, mode, tmp_path):
    network = MODELS[model]()
    before = {k: v.clone() for k, v in network.named_parameters()}
    report = run(Recipe(task=task, mode=mode, results_dir=str(tmp_path), **OPTIONS), network)
    assert any(not torch.equal(before[k], v) for k, v in network.named_parameters())
    trained = load_model(report.records.best, network=MODELS[model]())
    _, restored = evaluate_model(trained, "photographs", images=4)
    assert restored.loss == pytest.approx(report.restored.loss, rel=1e-4)


def test_the_noise_level_is_that_of_images_between_0_and_1():
    seen = {}

    class Denoiser(nn.Module):
        def forward(self, images, sigma):
            seen.update(images=images, sigma=sigma)
            return images

    x = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    assert torch.equal(WithNoiseLevel(Denoiser())(x, torch.tensor([0.1])), x)
    assert seen["images"].flatten().tolist() == [0.0, 0.5, 1.0]
    assert seen["sigma"].tolist() == pytest.approx([0.05])
    WithNoiseLevel(Denoiser())(x)
    assert seen["sigma"].tolist() == [0.0]


def test_a_size_that_the_model_cannot_take_is_refused_before_training(tmp_path):
    recipe = Recipe(mode="multiscale", results_dir=str(tmp_path), **OPTIONS)
    with pytest.raises(ValueError, match="own needs sizes divisible by 32"):
        run(recipe, WithoutTime(plain(), divisor=32))
    assert not list(tmp_path.iterdir())


def test_a_network_and_a_recipe_that_do_not_belong_together(tmp_path, capsys):
    with pytest.raises(ValueError, match="give a network of your own with 'own'"):
        run(Recipe(results_dir=str(tmp_path), **OPTIONS))
    with pytest.raises(ValueError, match="network=resnet"):
        run(Recipe(results_dir=str(tmp_path), **OPTIONS | {"network": "resnet"}), plain())
    report = run(Recipe(results_dir=str(tmp_path), **OPTIONS), WithoutTime(plain()))
    assert main(["evaluate", str(report.records.best)]) == 2
    assert "load it from Python: load_model(checkpoint, network=…)" in capsys.readouterr().err
    with pytest.raises(ValueError, match="not a model that"):
        load_model(report.records.best, network=WithoutTime(nn.Conv2d(3, 3, 1)))
