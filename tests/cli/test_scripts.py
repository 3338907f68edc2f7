"""The four scripts at the root, with the options and defaults that were asked for."""

import csv
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from data_files import write_celeba, write_cifar10, write_stl10, write_urban100

from telegrad.cli.scripts import device_of

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    task: runpy.run_path(str(ROOT / f"train_{task}.py"))["script"]
    for task in ("denoising", "deblurring", "inpainting", "superresolution")
}
COMMANDS = re.findall(
    r"^python train_(\w+)\.py (.*)$", (ROOT / "docs" / "scripts.md").read_text(), re.M
)
SHORT = "--iterations 4 --batch_size 2 --img_size 16".split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with all datasets in its folder `data`."""
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path / "data", monkeypatch)
    write_stl10(tmp_path / "data", monkeypatch)
    write_celeba(tmp_path / "data")
    write_urban100(tmp_path / "data")
    return tmp_path


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def option(arguments, name):
    return re.search(rf"--{name} (\S+)", arguments)[1]


@pytest.mark.parametrize(("task", "arguments"), COMMANDS, ids=lambda a: a[:60])
def test_example_commands_run_and_leave_what_was_asked_for(task, arguments, here, capsys):
    size = ["--img_size", "32"] if task == "superresolution" else []  # its coarsest level is 16×16
    if torch.cuda.device_count() == 1:  # what they name is the second
        arguments = arguments.replace("--device_id 1", "--device_id 0")
    assert SCRIPTS[task].main([*arguments.split(), *SHORT, *size]) == 0
    dataset, network, mode, run_id = (
        option(arguments, name) for name in ("dataset", "network", "mode", "run_id")
    )
    name = f"{task}_{dataset}_{network}_{mode}_run{run_id}"
    train = rows(here / "results/logs" / f"{name}_train.csv")
    valid = rows(here / "results/logs" / f"{name}_valid.csv")
    assert list(train[0]) == ["iteration", "train_loss", "time"]
    assert [row["iteration"] for row in train] == ["1", "2", "3", "4"]
    ssim = ["valid_ssim"] if task == "inpainting" else []
    assert list(valid[0]) == ["iteration", "valid_loss", *ssim]
    best = torch.load(here / "results/models" / f"{name}_best.pt", weights_only=True)
    assert {"model_state_dict", "optimizer_state_dict", "level", "iteration",
            "train_loss", "valid_loss"} <= set(best)  # fmt: skip
    assert f"Trained {name}" in capsys.readouterr().out


def test_there_are_examples_of_every_script():
    assert {task for task, _ in COMMANDS} == set(SCRIPTS)


def test_a_script_runs_as_a_program():
    script = [sys.executable, str(ROOT / "train_deblurring.py")]
    said = subprocess.run([*script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "{stl10,cifar10,celeba}" in said
    wrong = subprocess.run(
        [*script, "--mode", "vcycle"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "'fullmultiscale'" in wrong.stderr


@pytest.mark.parametrize("task", SCRIPTS)
def test_options_choices_and_defaults(task):
    """The surface that was asked for; what is new is optional."""
    options = vars(SCRIPTS[task].parser().parse_args([]))
    superresolution = task == "superresolution"
    asked = {
        "mode": "single",
        "network": "srnet" if superresolution else "unet",
        "dataset": {"denoising": "cifar10", "deblurring": "stl10", "inpainting": "celeba",
                    "superresolution": "urban100"}[task],
        "run_id": 1,
        "device_id": 0,
        "seed": 42,
    }  # fmt: skip
    patches = {"patch_size": 64, "train_patches": 10, "test_patches": 2}
    ours = {"data_dir": None, "iterations": None, "img_size": None, "batch_size": None,
            "results_dir": "results", "resume": False}  # fmt: skip
    assert options == asked | (patches if superresolution else {}) | ours


@pytest.mark.parametrize(
    ("task", "wrong"),
    [
        ("denoising", "--dataset stl10"),
        ("denoising", "--network srnet"),
        ("deblurring", "--mode cascadic"),
        ("inpainting", "--dataset urban100"),
        ("inpainting", "--patch_size 64"),
        ("superresolution", "--network unet"),
        ("superresolution", "--dataset celeba"),
        ("denoising", "--iterations few"),
        ("denoising", "--epochs 3"),
    ],
)
def test_other_choices_are_refused(task, wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        SCRIPTS[task].main(wrong.split())
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "arguments", "says"),
    [
        ("inpainting", "", "celeba: .* is missing. Download img_align_celeba.zip"),
        ("superresolution", "", "urban100: .* is missing. Make it"),
        ("denoising", "--dataset celeba --iterations 0", "steps=0: needs 1 or more"),
        ("denoising", "--device_id -2", "device_id=-2: needs the number of a GPU"),
        ("denoising", "--mode multiscale --img_size 31", "leaves no coarser level"),
    ],
)
def test_what_cannot_be_trained_ends_in_one_line(
    task, arguments, says, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert SCRIPTS[task].main(arguments.split()) == 2
    said = capsys.readouterr().err
    assert re.search(f"^train_{task}.py: .*{says}", said, re.M)
    assert not list(tmp_path.iterdir())


def test_patches_larger_than_the_images_are_refused(here, capsys):
    assert SCRIPTS["superresolution"].main(["--patch_size", "200"]) == 2
    assert "patch_size=200, but the low-resolution image" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused_and_none_at_all_is_the_cpu(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (device_of(1), device_of(-1)) == ("cuda:1", "cpu")
    with pytest.raises(
        ValueError, match="device_id=2: this machine has 2 GPUs, 0 to 1; choose one"
    ):
        device_of(2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert device_of(1) == "cpu"
    assert "No GPU on this machine: training on the CPU." in capsys.readouterr().err


def test_a_stopped_script_resumes(here, monkeypatch, capsys):
    arguments = ["--network", "resnet", *SHORT]
    assert SCRIPTS["denoising"].main(arguments) == 0
    assert SCRIPTS["denoising"].main(arguments) == 2
    assert "are there already" in capsys.readouterr().err
    log = here / "results/logs/denoising_cifar10_resnet_single_run1_train.csv"
    before = log.read_text()
    assert SCRIPTS["denoising"].main([*arguments, "--resume"]) == 0
    assert log.read_text() == before
