"""A run goes on only with what it was made of."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telegrad.cli.main import main

RUN = "r/runs/denoising_folder_tiny_single_run1"
OPTIONS = [
    *("--network", "tiny_nets.Tiny", "--size", "16", "--batch_sizes", "2", "--device", "cpu"),
    *("--validation.images", "4", "--validation.times", "2", "--out", "r"),
]
SOURCE = """
import torch
class Tiny(torch.nn.Conv2d):
    def __init__(self):
        super().__init__(3, 3, 3, padding=1)
"""


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (24, 24, 3), np.uint8)).save(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of four steps on a folder of twelve images."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter(place, monkeypatch)
        Path("tiny_nets.py").write_text(SOURCE)
        for k in range(12):
            save(Path(f"photos/{k:02}.png"), k)
        assert main(["train", "paper_denoising", "--data", "photos", "--steps", "4", *OPTIONS]) == 0
    return place


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """A copy of that run, in the current directory."""
    shutil.copytree(made, tmp_path / "copy")
    enter(tmp_path / "copy", monkeypatch)
    return Path(RUN)


def enter(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "tiny_nets", raising=False)


def resume(*options: str) -> int:
    return main(["train", "--resume", RUN, "--steps", "6", *options])


def events() -> str:
    return Path(RUN, "events.log").read_text()


def test_names_and_digests_of_images_and_of_own_classes_are_stored(run):
    inputs = json.loads((run / "inputs.json").read_text())
    assert list(inputs["val"]) == ["00.png", "10.png"]
    assert len(inputs["train"]) == 10 and len(set(inputs["train"].values())) == 10
    assert list(inputs["code"]) == ["tiny_nets.Tiny"]


def test_the_same_images_elsewhere_are_the_same_run(run, capsys):
    shutil.copytree("photos", "moved")
    shutil.rmtree("photos")
    assert resume() == 2
    assert "photos" in capsys.readouterr().err
    assert resume("--data.path", "moved") == 0, capsys.readouterr().err
    assert "data.path" not in events()
    assert resume("--data", "moved", "--steps", "7") == 0, capsys.readouterr().err


@pytest.mark.parametrize("change", ["added", "missing", "changed"])
def test_other_images_are_refused_or_accepted_and_noted(run, capsys, change):
    if change == "added":
        save(Path("photos/99.png"), 99)
        name = "99.png"
    elif change == "missing":
        Path("photos/11.png").unlink()
        name = "11.png"
    else:
        save(Path("photos/03.png"), 77)
        name = "03.png"
    before = {path: path.read_bytes() for path in run.iterdir() if path.name != "lock"}
    assert resume() == 2
    said = capsys.readouterr().err
    assert f"images to train on ({name}): 1 {change}" in said and "--accept_changes" in said
    assert {path: path.read_bytes() for path in run.iterdir() if path.name != "lock"} == before
    assert resume("--accept_changes") == 0, capsys.readouterr().err
    assert f"images to train on ({name}): 1 {change}" in events()
    assert resume("--steps", "8") == 0, capsys.readouterr().err


def test_an_image_that_moves_into_validation_is_noticed_and_the_best_is_measured_anew(run, capsys):
    save(Path("photos/0.png"), 55)
    assert resume() == 2
    assert "images to validate on (" in capsys.readouterr().err
    assert resume("--accept_changes") == 0, capsys.readouterr().err


def test_another_source_of_the_network_is_refused(run, capsys):
    Path("tiny_nets.py").write_text(SOURCE + "\n# another\n")
    assert resume() == 2
    assert "the source of tiny_nets.Tiny is another" in capsys.readouterr().err
    assert resume("--accept_changes") == 0, capsys.readouterr().err


def test_other_kernels_of_a_task_are_refused(run, capsys):
    for name in ("a", "b"):
        Path("kernels").mkdir(exist_ok=True)
        np.save(f"kernels/{name}.npy", np.full((3, 3), 1 / 9))
    own = ("deblurring", "--blur", "folder", "--kernels", "kernels", "--data", "photos")
    assert main(["train", *own, "--steps", "2", *OPTIONS]) == 0
    directory = "r/runs/deblurring_folder_folder_tiny_single_run1"
    inputs = json.loads(Path(directory, "inputs.json").read_text())
    assert list(inputs["task"]) == ["a.npy", "b.npy"]
    np.save("kernels/b.npy", np.diag([0.25, 0.5, 0.25]))
    again = ["train", "--resume", directory, "--steps", "3"]
    assert main(again) == 2
    assert "files of the task (b.npy): 1 changed" in capsys.readouterr().err
    assert main([*again, "--accept_changes"]) == 0, capsys.readouterr().err


def test_other_versions_are_noted(run, capsys):
    file = run / "environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "torch": "2.0.0"}))
    assert resume() == 0, capsys.readouterr().err
    assert "torch 2.0.0 then, " in events()


def test_a_run_that_noted_nothing_goes_on_and_says_so(run, capsys):
    (run / "inputs.json").unlink()
    assert resume() == 0, capsys.readouterr().err
    assert "it is not known which images it began with" in events()


@pytest.mark.parametrize(
    "options",
    [
        ("--learning_rate", "0.1"),
        ("--data", "CIFAR10"),
        ("--batch_sizes", "4"),
        ("--seed", "7"),
        ("--size", "8"),
        ("--loss", "L1"),
        ("--out", "elsewhere"),
        ("--overwrite", "true"),
        ("--label", "other"),
    ],
)
def test_what_can_not_change_is_refused_by_its_name(run, capsys, options):
    assert resume(*options) == 2
    assert f"{options[0]} can't change in a run that goes on" in capsys.readouterr().err


def test_what_may_change_is_applied_and_noted(run, capsys):
    assert resume("--validation.times", "3") == 0, capsys.readouterr().err
    assert "strategy.steps: 4 then, 6 now" in events()
    assert "validation.times: 2 then, 3 now" in events()
    assert "Trained" in capsys.readouterr().out


def test_accepting_changes_is_for_runs_that_go_on(capsys):
    assert main(["train", "paper_denoising", "--accept_changes"]) == 2
    assert "--accept_changes goes with --resume" in capsys.readouterr().err
