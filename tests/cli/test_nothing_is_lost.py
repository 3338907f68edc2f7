"""Commands that write: what a user has is never replaced unless he asks for it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telegrad.cli.main import main
from telegrad.data import Folder

GOLDEN = Path(__file__).parents[1] / "runs/golden_0_1"
MODEL = GOLDEN / "results/models/denoising_folder_resnet_fullmultiscale_run1_best.pt"
SMALL = [
    *("--network", "ResNet", "--network.channels", "4", "--size", "16", "--batch_sizes", "2"),
    *("--steps", "2", "--validation.images", "2", "--validation.times", "1", "--device", "cpu"),
]


def digests(directory: Path) -> dict[str, str]:
    return {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in directory.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a folder of photographs, where commands are called."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    Path("photos").mkdir()
    for k in range(3):
        pixels = random.integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(f"photos/{k}.png")
    return tmp_path


HOLDS = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1] + "/lock"):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(directory: Path) -> Iterator[None]:
    """Works on the directory, as `locked` does."""
    command = [sys.executable, "-c", HOLDS, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"locked\n"
        (directory / "lock.json").write_text('{"process": 77, "host": "elsewhere", "since": ""}')
        yield
        process.kill()


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says; nothing that was there has changed."""
    before = digests(Path.cwd())
    assert main(words) == 2
    after = digests(Path.cwd())
    assert {name: after.get(name) for name in before} == before
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_prepare_replaces_files_only_when_it_is_told_to(here, capsys):
    words = ["prepare", "urban100", "photos", "--path", "data"]
    assert main(words) == 0
    said = refused(words, capsys)
    assert "low_res_train.pt is there already" in said and "--overwrite" in said
    assert main([*words, "--overwrite"]) == 0


def test_diagnose_writes_a_new_file_only(here, capsys):
    Path("notes.json").write_text("mine")
    words = ["diagnose", "paper_denoising", *SMALL[:6], "--draws", "2", "--json", "notes.json"]
    said = refused(words, capsys)
    assert "--json notes.json is there already" in said and "--overwrite" in said
    assert main([*words, "--overwrite"]) == 0
    assert Path("notes.json").read_text() != "mine"


@pytest.mark.parametrize("name", ["report.html", "summary.csv", "summary.json"])
def test_a_report_replaces_its_own_files_and_nobody_elses(here, capsys, name):
    shutil.copytree(GOLDEN / "results", "results")
    assert main(["report", "results"]) == 0
    assert main(["report", "results"]) == 0
    Path("results", name).write_text("mine")
    assert f"{name} is there and was not written by this command" in refused(
        ["report", "results"], capsys
    )
    Path("results", name).unlink()
    Path("results", name).mkdir()
    assert name in refused(["report", "results"], capsys)


def test_a_table_of_someone_else_is_not_replaced_by_reproduce(here, capsys):
    Path("out").mkdir()
    Path("out/reproduction.md").write_text("mine")
    assert "reproduction.md is there" in refused(["reproduce", "--out", "out"], capsys)


def test_results_among_photographs_are_not_trained_on(here, capsys):
    words = ["train", "paper_denoising", "--data", ".", "--out", ".", *SMALL]
    assert main(words) == 0, capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0, capsys.readouterr().err
    (run,) = Path("runs").iterdir()
    assert (run / "picture.png").exists()
    assert "picture.png" not in (run / "inputs.json").read_text()


def test_a_run_that_is_there_is_replaced_only_when_that_is_asked_for(here, capsys):
    words = ["train", "paper_denoising", "--data", "photos", *SMALL]
    assert main(words) == 0
    said = refused(words, capsys)
    assert "are there already" in said and "overwrite" in said


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("results", "are there already"),
        ("photos/0.png", "can't be written"),
        ("photos/0.png/deeper", "can't be written"),
    ],
)
def test_that_nothing_can_be_written_is_said_before_an_image_is_opened(
    here, capsys, monkeypatch, out, says
):
    model = Path("results/models/denoising_folder_resnet_single_run1_best.pt")
    model.parent.mkdir(parents=True)
    model.write_text("mine")
    before = digests(here)
    monkeypatch.setattr(Folder, "source", lambda self: pytest.fail("images were looked at"))
    words = ["train", "paper_denoising", "--data", "photos", *SMALL, "--out", out]
    said = refused(words, capsys)
    assert says in said and "--resume" not in said
    assert digests(here) == before and not Path("results/runs").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", str(MODEL), "photos", "--out", "taken/t.csv"],
        ["export", str(MODEL), "--to", "safetensors", "--out", "taken/t.safetensors"],
        ["diagnose", "denoising", "--json", "taken/t.json"],
        ["diagnose", "denoising", "--json", "nothere/t.json"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_others_say_it_before_their_work_too(here, capsys, monkeypatch, words):
    for work in ("export.model_of", "evaluate.model_of", "diagnose.diagnose"):
        monkeypatch.setattr(f"telegrad.cli.{work}", lambda *_, **__: pytest.fail("began"))
    Path("taken").write_text("mine")
    said = refused(words, capsys)
    assert "can't be written" in said or "no folder" in said


@pytest.mark.parametrize("how", [["--overwrite"], ["--resume"], []])
def test_a_run_that_another_process_works_on_is_left_alone(here, capsys, how):
    words = ["train", "paper_denoising", "--data", "photos", *SMALL]
    assert main(words) == 0
    (run,) = Path("results/runs").iterdir()
    if how == ["--resume"]:
        words, how = ["train", "--resume", str(run), "--steps", "9"], []
    with another_process(run):
        said = refused([*words, *how], capsys)
    assert "process 77 on elsewhere" in said and "works on it" in said


def test_a_directory_of_comparisons_has_one_process_at_a_time(here, capsys):
    Path("comparison").mkdir()
    with another_process(Path("comparison")):
        assert "process 77 on elsewhere" in refused(["compare", "--preset", "quick"], capsys)
    assert not list(Path("comparison").rglob("config.yaml"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written_is_named(here, capsys):
    Path("closed").mkdir(mode=0o500)
    words = ["train", "paper_denoising", "--data", "photos", "--out", "closed/r", *SMALL]
    assert "can't be written" in refused(words, capsys)


def test_a_file_in_the_place_of_a_directory_is_named(here, capsys):
    Path("taken").write_text("mine")
    words = ["train", "paper_denoising", "--data", "photos", "--out", "taken", *SMALL]
    assert "can't be written" in refused(words, capsys)
    assert main(["prepare", "urban100", "photos", "--path", "taken"]) == 2
    assert main(["restore", str(MODEL), "photos", "--out", "taken"]) == 2
    assert Path("taken").read_text() == "mine"
