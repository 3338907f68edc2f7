"""Each recipe is a run that can be made."""

import numpy as np
import pytest
from PIL import Image

from telegrad.cli.main import main
from telegrad.runs.recipes import recipe, recipes

NAMES = [one.name for one in recipes()]


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("pairs")])
def test_a_recipe_can_be_planned_and_says_what_it_costs(name):
    one = recipe(name)
    config = one.config()
    assert one.meaning and one.cost
    assert config.to_dict()["task"]["class_path"] == one.parts()["task"].class_path


def test_the_command_lists_them_and_prints_one(capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name}\n" in f"\n{out}" for name in NAMES)
    assert main(["recipes", "denoising_color_cpu"]) == 0
    assert "telegrad.tasks.Denoising" in capsys.readouterr().out
    assert main(["recipes", "denoising_colour_cpu"]) == 2
    assert "did you mean denoising_color_cpu?" in capsys.readouterr().err


def test_a_recipe_and_a_file_are_not_mixed(capsys):
    assert main(["plan", "--recipe", "jpeg_cpu", "--config", "a.yaml"]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Photographs, and pairs of them, by whether they are pairs."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    places = [root / "photos", root / "pairs/lq", root / "pairs/gt"]
    for k in range(11):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BILINEAR)
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{k}.png")
    return {False: root / "photos", True: root / "pairs"}


ALIKE = ("_auto", "_grey_cpu", "_grey_blind_cpu", "_x2", "_denoise", "_jpeg", "_x2_cpu")
"""Ends of names of recipes that are another one but for a number or the strategy."""


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(ALIKE)])
def test_a_recipe_trains(name, tmp_path, folders, capsys):
    """A few steps, with one image a level."""
    is_auto = recipe(name).parts()["strategy"].class_path.endswith("Auto")
    length = (
        "--levels 2 --batch_sizes 1,1 --work_units 2" if is_auto else "--steps 2 --batch_size 1"
    )
    path = folders[name.startswith("pairs")]
    options = f"--validation.times 1 --validation.images 1 --device cpu --out {tmp_path} {length}"
    words = ["train", "--recipe", name, "--data.path", str(path), *options.split()]
    assert main(words) == 0, capsys.readouterr().err
    assert "Trained" in capsys.readouterr().out
