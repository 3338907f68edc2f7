"""The examples of CONTRIBUTING.md, put beside a user outside the project, and trained with."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from telegrad.cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (my_\w+\.py)\n(.*?)```", TEXT, re.S))
(COMMAND,) = re.findall(r"^telegrad (train .*)$", TEXT, re.M)


@pytest.fixture(scope="module")
def beside_them(tmp_path_factory):
    """A directory with the files of the document, an empty package, and a folder of arrays."""
    here = tmp_path_factory.mktemp("outside")
    for name, text in FILES.items():
        (here / name).write_text(text)
    package = here / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in FILES.items():
        (package / name).write_text(text)
    (here / "ARRAYS").mkdir()
    draw = np.random.default_rng(0)
    for name in ("a", "b", "val_c"):
        np.save(here / "ARRAYS" / f"{name}.npy", draw.integers(0, 256, (40, 48, 3), np.uint8))
    return here


def telegrad(here, *words):
    command = [sys.executable, "-m", "telegrad", *words]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_an_example_of_each():
    assert set(FILES) == {
        f"my_{what}.py" for what in ("nets", "tasks", "losses", "data", "strategies")
    }


def test_all_of_them_train_evaluate_restore_and_resume_from_the_shell(beside_them):
    said = telegrad(
        beside_them, *shlex.split(COMMAND), "--device", "cpu", "--validation.images", "4"
    )
    assert "Trained dropped_arrays_tinynet_coarse_then_fine_run1" in said
    (model,) = (beside_them / "r/models").glob("*.pt")
    said = telegrad(
        beside_them, "evaluate", str(model), "--data", "my_data.Arrays", "--data.path", "ARRAYS",
        "--images", "4",
    )  # fmt: skip
    assert "dropped, TinyNet, 4 crops of arrays" in said
    photo = ROOT / "tests/runs/golden_0_1/photos/0_astronaut.png"
    assert "Restored 1 image" in telegrad(beside_them, "restore", str(model), str(photo))
    (run,) = (beside_them / "r/runs").glob("*")
    assert "resumed" in telegrad(beside_them, "train", "--resume", str(run), "--steps", "30")


@pytest.mark.parametrize(
    ("part", "option"),
    [
        ("task", "package.my_tasks.Dropped"),
        ("network", "package.my_nets.TinyNet"),
        ("loss", "package.my_losses.Huber"),
        ("strategy", "package.my_strategies.CoarseThenFine"),
    ],
)
def test_each_of_them_trains_alone_from_a_package(part, option, beside_them, monkeypatch, capsys):
    task = option if part == "task" else "denoising"
    rest = [] if part == "task" else [f"--{part}", option]
    small = (
        "--size 16 --steps 4 --batch_size 2 --validation.images 2 --validation.times 1 --device cpu"
    )
    network = (
        [] if part in ("network", "task") else ["--network", "ResNet", "--network.channels", "4"]
    )
    network = ["--network", "SRNet", "--network.channels", "4"] if part == "task" else network
    monkeypatch.chdir(beside_them)
    monkeypatch.syspath_prepend(beside_them)
    words = ["train", task, *rest, *network, *small.split(), "--out", f"alone_{part}"]
    assert main(words) == 0, capsys.readouterr().err
