import pytest

from telegrad.records import RunDirectory, run_directories

FILES = {
    "train_log": "logs/NAME_train.csv",
    "valid_log": "logs/NAME_valid.csv",
    "best": "models/NAME_best.pt",
    "weights": "models/NAME_best.safetensors",
    "path": "runs/NAME",
    "config": "runs/NAME/config.yaml",
    "environment": "runs/NAME/environment.json",
    "progress": "runs/NAME/progress.csv",
    "levels": "runs/NAME/levels.csv",
    "events": "runs/NAME/events.log",
    "report": "runs/NAME/report.json",
    "picture": "runs/NAME/picture.png",
    "last": "runs/NAME/last.pt",
    "previous": "runs/NAME/previous.pt",
}


@pytest.mark.parametrize("name", ["run1", "denoising_v1.5_run1"])
@pytest.mark.parametrize("as_text", [True, False])
def test_every_file_of_a_run_has_its_place(name, as_text, tmp_path):
    files = RunDirectory(str(tmp_path) if as_text else tmp_path, name)
    for what, place in FILES.items():
        assert getattr(files, what) == tmp_path / place.replace("NAME", name)


def test_a_run_is_found_by_its_directory_wherever_one_stands(tmp_path, monkeypatch):
    files = RunDirectory(tmp_path / "results", "run1")
    files.path.mkdir(parents=True)
    assert RunDirectory.at(files.path) == RunDirectory.at(str(files.path) + "/") == files
    for here, there in (
        (tmp_path, "results/runs/run1"),
        (tmp_path / "results", "runs/run1"),
        (tmp_path / "results" / "runs", "run1"),
        (files.path, "."),
    ):
        monkeypatch.chdir(here)
        assert RunDirectory.at(there).config.resolve() == files.config
    (tmp_path / "link").symlink_to(files.path)
    assert RunDirectory.at(tmp_path / "link").best == files.best


@pytest.mark.parametrize("place", ["", "results", "runs", "runs/..", "results/logs/run1"])
def test_another_directory_is_not_that_of_a_run(place, tmp_path):
    with pytest.raises(ValueError, match=r"is not the directory of a run; .* results/runs/NAME"):
        RunDirectory.at(tmp_path / place)


def test_runs_are_found_at_any_depth_in_order(tmp_path):
    for place in ("b/runs/2", "b/runs/1", "runs/3", "a/deep/runs/4"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.yaml").touch()
    (tmp_path / "runs" / "no configuration").mkdir()
    found = run_directories(tmp_path)
    assert [f.path.relative_to(tmp_path).as_posix() for f in found] == [
        *("a/deep/runs/4", "b/runs/1", "b/runs/2", "runs/3"),
    ]
    assert run_directories(tmp_path / "nowhere") == []
