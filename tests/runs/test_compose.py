"""Runs composed of options by name."""

import json
from dataclasses import replace

import pytest
import torch

from telegrad.runs.build import build_network, check_sizes
from telegrad.runs.component import Component
from telegrad.runs.compose import compose
from telegrad.runs.config import Config, parts_from_file
from telegrad.runs.recipes import recipe
from telegrad.runs.settings import Output
from telegrad.schedules import Auto, Cascadic, Race
from telegrad.tasks import PaperDenoising


def test_a_run_of_nothing_is_the_default():
    config = compose({})
    assert config == Config()
    assert config.name == "denoising_s25_photographs_gatedunet_race_run1"


def test_what_is_not_said_is_the_task_s_own():
    assert compose({"task": "jpeg"}).build_strategy() == Race(budget="3min")
    assert compose({"work_units": 50}).build_strategy() == Race(work_units=50.0)
    assert compose({"steps": 50}).strategy.short_name == "Single"
    paper = compose({"task": "paper_denoising"})
    assert (paper.strategy.short_name, paper.data.short_name) == ("Single", "EightPhotographs")
    assert Config(task="PaperDenoising") == paper


@pytest.mark.parametrize(("scale", "size"), [(2, 64), (3, 48), (4, 64), (8, 64)])
def test_crops_where_no_size_is_said_are_of_one_that_the_task_takes(scale, size):
    config = compose({"task": "superresolution", "task.scale": scale})
    assert config.build_data().crop == size
    check_sizes(config, build_network(config))
    assert compose({"task": "superresolution", "task.scale": 3, "size": 66}).build_data().crop == 66
    with pytest.raises(ValueError, match="superresolution_x3 with GatedUNet needs sizes divisible"):
        said = compose({"task": "superresolution", "task.scale": 3, "size": 64})
        check_sizes(said, build_network(said))


@pytest.mark.parametrize(
    ("options", "optimizer"),
    [
        ({}, "telegrad.optimizers.Muon"),
        ({"strategy": Race(budget="1min")}, "telegrad.optimizers.Muon"),
        ({"optimizer": "AdamW"}, "torch.optim.AdamW"),
        ({"strategy": "Auto", "budget": "1min"}, "torch.optim.AdamW"),
        ({"steps": 50}, "torch.optim.AdamW"),
        ({"task": "paper_denoising", "strategy": "Race"}, "torch.optim.Adam"),
        ({"task": "superresolution"}, "torch.optim.AdamW"),
    ],
)
def test_race_has_an_optimizer_of_its_own_where_the_task_has_the_usual_one(options, optimizer):
    assert compose(options).optimizer.class_path == optimizer
    if not isinstance(options.get("strategy"), str) and "steps" not in options:
        names = {"superresolution": "SuperResolution"}
        parts = {part: names.get(what, what) for part, what in options.items()}
        assert Config(**parts).optimizer.class_path == optimizer


def test_everyday_options_are_short():
    config = compose(
        {
            "task": "paper_deblurring", "network": "ResNet", "network.channels": "32",
            "optimizer": "AdamW", "optimizer.weight_decay": "1e-4", "loss": "Charbonnier",
            "strategy": "auto", "budget": "10min", "batch_sizes": "8,4,2,1", "size": "64",
            "learning_rate": "2e-3", "device": "cpu", "seed": "7", "out": "r", "sigma": "2",
        }
    )  # fmt: skip
    assert config.network.init_args["channels"] == 32
    assert config.optimizer.class_path == "torch.optim.AdamW"
    assert config.optimizer.init_args["weight_decay"] == 1e-4
    assert config.optimizer.init_args["lr"] == 2e-3
    assert config.loss.class_path == "telegrad.losses.Charbonnier"
    assert config.build_strategy() == Auto(budget="10min", batch_sizes=[8, 4, 2, 1])
    assert (config.build_data().size, config.seed, config.output.directory) == (64, 7, "r")
    assert config.build_task().sigma == 2


@pytest.mark.parametrize("sizes", ["8,4", "[8,4]", "[8, 4]", [8, 4], (8, 4)])
def test_lists_may_stand_without_brackets(sizes):
    config = compose({"strategy": "Cascadic", "batch_sizes": sizes})
    assert config.build_strategy().batch_sizes == [8, 4]
    assert compose({"strategy": "Cascadic", "batch_sizes": "8"}).build_strategy().batch_sizes == [8]


def test_a_directory_is_short_for_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PHOTOS").mkdir()
    config = compose({"data": "PHOTOS"})
    assert config.data.class_path == "telegrad.data.Folder"
    assert config.data.init_args["path"] == "PHOTOS"
    (tmp_path / "celeba").mkdir()
    with pytest.raises(ValueError, match=r"a dataset and of a directory here; say \./celeba"):
        compose({"data": "celeba"})
    assert compose({"data": "./celeba"}).data.init_args["path"] == "./celeba"
    with pytest.raises(ValueError, match="no such directory"):
        compose({"data": "./PHOTO"})
    with pytest.raises(ValueError, match="no directory of that name either"):
        compose({"data": "PHOTO"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"network": "ResNet", "network.chanels": 8},
            "no option --network.chanels; did you mean --network.channels?",
        ),
        ({"stepps": 8}, "did you mean --steps?"),
        ({"task": "superresolution", "scale": "5"}, "--scale=5: needs one of 2, 3, 4, 8."),
        ({"color": "blue"}, "--color=blue: needs one of rgb, grey."),
        ({"task": "paper_denoising", "t_max": 2}, "t_max=2"),
        ({"task": "paper_denoising", "t_mux": 1}, "did you mean --t_max?"),
        ({"steps": "many"}, "--steps=many: needs a whole number"),
        ({"task": "paper_denoising", "sigma": 2}, "no option --sigma"),
        ({"t_max": 0.5}, "no option --t_max; the paper's tasks have it, such as paper_denoising"),
        ({"batch_sizes": "4,x"}, "--batch_sizes=4,x: "),
        ({"mode": "auto"}, "it is --strategy now"),
        ({"img_size": 64}, "it is --size now"),
        ({"steps": 4, "strategy.steps": 5}, "--strategy.steps and --steps are one option"),
        ({"strategy": "Auto"}, "auto needs a budget"),
        ({"device": ""}, "device=''"),
        ({"seed": -1}, "seed=-1"),
        ({"optimizer": "AdamW", "optimizer.lrr": 3}, "did you mean --optimizer.lr?"),
        ({"data": "Folder"}, "path"),
        ({"precision": "8-bit"}, "--precision=8-bit"),
    ],
)
def test_wrong_options_get_one_line_with_the_way_out(options, says):
    with pytest.raises(ValueError) as error:
        compose(options)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_and_options_over_it():
    base = parts_from_file(
        {"network": {"class_path": "ResNet", "init_args": {"channels": 8}}, "strategy": "Auto",
         "validation": {"images": 4}, "seed": 3}
    )  # fmt: skip
    config = compose({"budget": "100wu", "network.blocks": 1}, base)
    assert config.network.init_args["channels"] == 8
    assert config.network.init_args["blocks"] == 1
    assert (config.validation.images, config.seed) == (4, 3)
    other = compose({"budget": "100wu", "network": "SRNet"}, base)
    assert other.network.init_args["channels"] == 64  # its own default


def test_one_length_takes_another_s_place():
    base = parts_from_file(compose({"strategy": "Single", "work_units": 300}).to_dict())
    assert compose({"steps": 7}, base).build_strategy().steps == 7


@pytest.mark.parametrize("length", [{"steps": 6}, {"work_units": 50.0}, {"budget": "10min"}])
def test_another_strategy_has_the_length_of_the_file_s_and_nothing_else(length):
    given = {"strategy": "Single", "batch_size": 3, "decay": 0.5, **length}
    base = parts_from_file(compose(given).to_dict())
    assert compose({"strategy": "Cascadic"}, base).build_strategy() == Cascadic(**length)
    assert compose({"strategy": "Single"}, base).build_strategy().batch_size == 3
    shorter = compose({"strategy": "Cascadic", "steps": 4}, base)
    assert shorter.build_strategy() == Cascadic(steps=4)
    whole = compose({"strategy": Cascadic(steps=5)}, base)
    assert whole.build_strategy() == Cascadic(steps=5)


def test_another_strategy_has_the_length_of_the_recipe_s():
    one = recipe("denoising_color_cpu")
    assert one.config(strategy="Cascadic").build_strategy() == Cascadic(budget="10min")


def test_a_function_that_takes_no_length_has_its_own(monkeypatch, tmp_path):
    (tmp_path / "my_lengths.py").write_text(
        "from telegrad.schedules import Single\n"
        "def ten(batch_size: int = 2) -> Single:\n"
        "    return Single(steps=10, batch_size=batch_size)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    base = parts_from_file(compose({"strategy": "Single", "steps": 6}).to_dict())
    assert compose({"strategy": "my_lengths.ten"}, base).build_strategy().steps == 10


def test_a_description_goes_through_a_file_and_back():
    config = compose({"task": "paper_inpainting", "strategy": "Cascadic", "steps": 9, "ema": 0.9})
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_from_python_parts_are_objects():
    config = Config(
        task=PaperDenoising(t_max=0.5),
        network=Component.of("network", "ResNet", channels=8),
        optimizer=Component.of("optimizer", torch.optim.SGD, momentum=0.9),
        strategy=Auto(budget="1h"),
        output=Output(directory="here"),
    )
    assert config.build_task() == PaperDenoising(t_max=0.5)
    assert config.optimizer.init_args["momentum"] == 0.9
    assert "lr" not in config.optimizer.init_args
    assert replace(config, seed=1) != config


@pytest.mark.parametrize(
    "content",
    [
        {"tusk": "denoising"},
        {"task": "os.system"},
        {"validation": {"imagess": 4}},
        {"output": 3},
        {"mode": "auto", "task": "denoising", "network": "x", "dataset": "photographs"},
        [1, 2],
    ],
)
def test_a_file_of_something_else_is_refused(content):
    with pytest.raises(ValueError):
        Config.from_dict(content)
