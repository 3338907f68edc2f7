"""~ and $VARIABLES, wherever a path is taken."""

import pytest

from telegrad.cli.main import main
from telegrad.data import CelebA, Folder
from telegrad.files import expanded
from telegrad.runs import Output, Runtime


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PHOTOS", str(tmp_path / "photos"))
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path


def test_home_and_variables_are_put_in_their_places(home):
    assert expanded("~/a") == f"{home}/a"
    assert expanded("$PHOTOS/b") == expanded("${PHOTOS}/b") == f"{home}/photos/b"
    assert expanded("plain/~/c") == "plain/~/c"


def test_a_variable_that_is_not_there_is_named_unless_a_file_is_called_so(home, monkeypatch):
    monkeypatch.chdir(home)
    with pytest.raises(ValueError, match="the environment has no NOWHERE"):
        expanded("$NOWHERE/a")
    (home / "$NOWHERE").mkdir()
    assert expanded("$NOWHERE") == "$NOWHERE"


def test_every_option_that_is_a_path_takes_them(home):
    assert Folder(path="~/x").path == f"{home}/x"
    assert CelebA(path="$PHOTOS").path == f"{home}/photos"
    assert Output(directory="~/r").directory == f"{home}/r"
    assert Runtime(cache_dir="${PHOTOS}").cache_dir == f"{home}/photos"


@pytest.mark.parametrize(
    "words",
    [
        ["train", "paper_denoising", "--data", "~/gone"],
        ["train", "--config", "~/gone"],
        ["train", "--resume", "~/runs/gone"],
        ["evaluate", "~/gone"],
        ["restore", "~/gone", "x"],
        ["report", "~/gone"],
        ["compare", "--config", "~/gone"],
        ["prepare", "urban100", "~/gone"],
        ["diagnose", "~/gone.pt"],
    ],
)
def test_every_command_takes_them(home, capsys, words):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert str(home) in said and "gone" in said and "~" not in said


def test_the_environments_directory_of_data_takes_them(home, monkeypatch):
    monkeypatch.setenv("TELEGRAD_DATA", "~/data")
    with pytest.raises(FileNotFoundError, match=f"{home}/data"):
        CelebA().source()
