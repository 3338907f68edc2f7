import csv
import json
from pathlib import Path

import pytest
import torch
import yaml

from telegrad import __version__
from telegrad.diagnostics import level_statistics
from telegrad.mge import GridHierarchy
from telegrad.records import NoRecords, Records, RunDirectory, environment, processor
from telegrad.records.records import LEVEL_COLUMNS, PROGRESS_COLUMNS

ROW = {name: 0.5 for name in PROGRESS_COLUMNS}


@pytest.fixture
def files(tmp_path):
    return RunDirectory(tmp_path, "run1")


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def content_of(directory):
    return {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}


def test_the_description_of_the_run_and_its_machine_are_there_at_once(files):
    configuration = {"task": {"class_path": "a.B"}, "seed": 1}
    with Records(files, configuration, overwrite=False):
        assert yaml.safe_load(files.config.read_text()) == configuration
        assert list(yaml.safe_load(files.config.read_text())) == ["task", "seed"]
        assert json.loads(files.environment.read_text()) == environment()
        for log in (files.train_log, files.valid_log, files.progress):
            assert log.read_text().startswith("iteration,")
        assert not files.levels.exists()
    assert environment()["telegrad"] == __version__
    assert environment()["processor"] == processor() != ""


def test_a_row_is_on_disk_as_soon_as_it_is_appended(files):
    with Records(files, {}, overwrite=False, logs_ssim=True) as records:
        records.trained(1, 1 / 3, 0.1)
        assert rows(files.train_log) == [
            {"iteration": "1", "train_loss": "0.333333", "time": "0.100"}
        ]
        records.validated(**(ROW | {"iteration": 1, "valid_ssim": float("nan")}))
        assert rows(files.valid_log) == [
            {"iteration": "1", "valid_loss": "0.5", "valid_ssim": "nan"}
        ]
        assert list(rows(files.progress)[0]) == list(PROGRESS_COLUMNS)
    with Records(RunDirectory(files.results, "run2"), {}, overwrite=False) as records:
        records.validated(**ROW)
        assert list(rows(records.directory.valid_log)[0]) == ["iteration", "valid_loss"]


def test_statistics_of_the_levels_are_a_row_each(files):
    theta = torch.ones(3, requires_grad=True)
    statistics = level_statistics(
        lambda x: (x.mean((2, 3)) * theta).sum(1),
        torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)),
        GridHierarchy((8, 8), levels=2),
        [theta],
        timing=0,
    )
    with Records(files, {}, overwrite=False, logs_levels=True) as records:
        records.level_statistics(7, statistics)
    found = rows(files.levels)
    assert list(found[0]) == list(LEVEL_COLUMNS)
    assert [(row["iteration"], row["level"]) for row in found] == [("7", "0"), ("7", "1")]
    assert float(found[1]["variance"]) == pytest.approx(statistics.variance[1], rel=1e-4)
    assert found[0]["alpha"] == "nan"


def test_events_and_the_figures_at_the_end(files):
    with Records(files, {}, overwrite=False) as records:
        records.event("resumed")
        records.event("a second one")
        records.finished(wall_seconds=1.5, restored={"psnr": None})
    first, second = files.events.read_text().splitlines()
    assert first.endswith(" resumed")
    assert second.endswith(" a second one")
    assert json.loads(files.report.read_text()) == {"wall_seconds": 1.5, "restored": {"psnr": None}}


# --- an earlier run -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what",
    [
        *("train_log", "valid_log", "progress", "levels", "best", "weights", "last", "previous"),
        *("picture", "events", "report"),
    ],
)
def test_files_of_an_earlier_run_are_replaced_by_choice_alone(what, files):
    path = getattr(files, what)
    path.parent.mkdir(parents=True)
    path.write_text("of an earlier run")
    before = content_of(files.results)
    with pytest.raises(
        FileExistsError,
        match=r"results of run1 are there already .* Use another run_id, another directory for "
        r"results \(out\), or overwrite to replace them",
    ):
        Records(files, {}, overwrite=False)
    assert content_of(files.results) == before
    with Records(files, {}, overwrite=True):
        assert not path.exists() or "earlier" not in path.read_text()


def test_a_run_is_resumed_where_there_is_one(tmp_path):
    files = RunDirectory(tmp_path / "my out", "run1")
    files.path.mkdir(parents=True)
    files.last.write_text("of an earlier run")
    files.config.write_text("of an earlier run")
    resume = rf"\(out\), --resume '{files.path}' to go on with a run that was stopped, or overwrite"
    with pytest.raises(FileExistsError, match=resume):
        Records(files, {}, overwrite=False)


def test_rows_up_to_an_iteration_are_kept_and_a_torn_one_is_dropped(files):
    with Records(files, {}, overwrite=False) as records:
        for iteration in range(1, 5):
            records.trained(iteration, 0.5, 0.1)
            records.validated(**(ROW | {"iteration": iteration}))
    files.train_log.write_text(files.train_log.read_text() + "5,0.")
    for keep, kept in ((4, ["1", "2", "3", "4"]), (2, ["1", "2"])):
        with Records(files, {}, overwrite=False, keep=keep) as records:
            for log in (files.train_log, files.valid_log, files.progress):
                assert [row["iteration"] for row in rows(log)] == kept
    with Records(files, {}, overwrite=False, keep=2) as records:
        records.trained(3, 0.25, 0.2)
    assert [row["train_loss"] for row in rows(files.train_log)] == ["0.5", "0.5", "0.25"]


@pytest.mark.parametrize("torn", ["", "iter", "iteration,train_loss,time\n\0\0\0\0\n"])
def test_a_log_torn_at_its_beginning_begins_anew(torn, files):
    files.train_log.parent.mkdir(parents=True)
    files.train_log.write_text(torn)
    with Records(files, {}, overwrite=False, keep=3) as records:
        records.trained(4, 0.5, 0.1)
    assert [row["iteration"] for row in rows(files.train_log)] == ["4"]


@pytest.mark.parametrize("what", ["best", "weights"])
def test_models_without_a_state_are_not_those_of_a_run_that_goes_on(what, files):
    model = getattr(files, what)
    model.parent.mkdir(parents=True)
    model.write_text("of an earlier run")
    with pytest.raises(FileExistsError, match=f"already .*{model.name}"):
        Records(files, {}, overwrite=False, keep=0)
    files.last.parent.mkdir(parents=True)
    files.last.write_text("a state")
    Records(files, {}, overwrite=False, keep=0).__exit__()
    assert model.exists()


# --- what can't be written ------------------------------------------------------------------------


def test_a_directory_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file can't be written .* choose another with --out"):
        Records(RunDirectory(tmp_path / "file", "run1"), {}, overwrite=False)


def test_a_full_disk_while_logging_keeps_the_rows_until_then(files):
    class Full:
        def writerow(self, row):
            raise OSError(28, "No space left on device")

    with Records(files, {}, overwrite=False) as records:
        records.trained(1, 0.5, 0.1)
        records._train._writer = Full()
        with pytest.raises(OSError, match=r"run1_train\.csv: can't be written .* rows until now"):
            records.trained(2, 0.5, 0.2)
    assert len(rows(files.train_log)) == 1


def test_no_records_leave_nothing(files):
    with NoRecords(files) as records:
        records.trained(1, 0.5, 0.1)
        records.validated(**ROW)
        records.event("nothing")
        records.finished(seconds=1.0)
    assert content_of(files.results) == {}
