"""Trackers: what they show, and that a run neither waits for them nor ends with them."""

import csv
import sys
import threading
import time
import warnings
from types import ModuleType, SimpleNamespace

import pytest
import torch

from telegrad.records import LOGGERS, Records, RunDirectory, check_loggers
from telegrad.records.records import PROGRESS_COLUMNS
from telegrad.records.tracker import Tracker
from telegrad.records.trackers import side_by_side

ROW = {name: 0.5 for name in PROGRESS_COLUMNS}


@pytest.fixture
def files(tmp_path):
    return RunDirectory(tmp_path, "run1")


class Logger:
    """Remembers what it is told."""

    def __init__(self):
        self.said, self.ended = [], None

    def log_metrics(self, values, step):
        self.said.append((step, values))

    def log_picture(self, name, image, step):
        self.said.append((step, name, tuple(image.shape)))

    def save(self):
        pass

    def finalize(self, status):
        self.ended = status


def test_what_is_said_comes_in_order_and_then_it_is_ended():
    logger = Logger()
    tracker = Tracker("test", lambda: logger)
    for step in range(100):
        tracker.scalars(step, {"loss": float(step)})
    tracker.picture(100, "a | b", torch.zeros(3, 8, 16))
    tracker.close("success")
    expected = [(step, {"loss": float(step)}) for step in range(100)]
    assert logger.said == [*expected, (100, "a | b", (3, 8, 16))]
    assert logger.ended == "success" and tracker.failure is None


def broken(where):
    """What opens a logger that fails there."""

    def fail(*_):
        raise ConnectionError("no network")

    if where == "opening":
        return fail
    logger = Logger()
    setattr(logger, where, fail)
    return lambda: logger


@pytest.mark.parametrize("where", ["opening", "log_metrics", "log_picture", "save", "finalize"])
def test_what_goes_wrong_stands_in_a_line(where):
    tracker = Tracker("test", broken(where))
    tracker.scalars(1, {"loss": 1.0})
    tracker.picture(1, "a", torch.zeros(3, 8, 8))
    tracker.save()
    tracker.close("success")
    assert tracker.failure == "ConnectionError: no network"
    tracker.scalars(2, {"loss": 1.0})


def test_nobody_waits_for_one_that_hangs(monkeypatch):
    hangs, logger = threading.Event(), Logger()
    logger.log_metrics = lambda *_: hangs.wait()
    monkeypatch.setattr("telegrad.records.tracker.MOST_WAITING", 50)
    tracker = Tracker("test", lambda: logger)
    for step in range(100):
        tracker.scalars(step, {"loss": 1.0})
    assert tracker.failure == "it is 50 values behind"
    hangs.set()
    hangs, logger = threading.Event(), Logger()
    logger.log_metrics = lambda *_: hangs.wait()
    tracker = Tracker("test", lambda: logger)
    tracker.scalars(1, {"loss": 1.0})
    tracker.close("success", seconds=0.05)
    assert tracker.failure == "it had not written all after 0.05 s"
    hangs.set()


# --- in a run's records ---------------------------------------------------------------------------


def test_a_tracker_that_fails_is_said_once_and_all_else_goes_on(files, monkeypatch):
    logger = Logger()
    opens = {"tensorboard": broken("log_metrics"), "csv": lambda: logger}
    monkeypatch.setattr("telegrad.records.trackers.logger_of", lambda name, *_: opens[name])
    with (
        pytest.warns(UserWarning) as said,
        Records(files, {}, overwrite=False, trackers=["tensorboard", "csv"]) as records,
    ):
        for step in range(1, 50):
            records.trained(step, 0.5, 0.1)
            records.trackers.scalars(step, {"train_loss": 0.5})
            time.sleep(0.002)
    what = "tracker tensorboard is left off: ConnectionError: no network"
    assert [str(warning.message) for warning in said] == [f"{what}; the run goes on"]
    assert files.events.read_text().count(what) == 1
    assert [step for step, _ in logger.said] == list(range(1, 50))


def test_numbers_that_are_not_finite_are_left_out(files, monkeypatch):
    logger = Logger()
    monkeypatch.setattr("telegrad.records.trackers.logger_of", lambda *_: lambda: logger)
    with Records(files, {}, overwrite=False, trackers=["csv"]) as records:
        records.validated(**(ROW | {"iteration": 7, "valid_ssim": float("nan")}))
    assert logger.said == [(7, {"valid_loss": 0.5, "valid_psnr": 0.5, "level": 0.5})]


def test_without_trackers_there_is_no_thread_and_no_folder(files):
    before = threading.active_count()
    with Records(files, {}, overwrite=False) as records:
        assert threading.active_count() == before
        assert not records.trackers.show_pictures
    assert not files.trackers.exists()


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def track(files, steps, **options):
    with Records(files, {"seed": 1}, overwrite=True, trackers=["csv"], **options) as records:
        for step in steps:
            records.trackers.scalars(step, {"train_loss": 1 / step})


def test_a_csv_table_for_each_time_that_the_run_went_on(files):
    track(files, range(1, 9))
    track(files, range(5, 9), keep=4)
    first, second = (files.trackers / f"csv/from_{done}/metrics.csv" for done in (0, 4))
    assert [row["step"] for row in table(first)] == [str(n) for n in range(1, 9)]
    assert [row["step"] for row in table(second)] == [str(n) for n in range(5, 9)]
    track(files, [1])
    assert [row["step"] for row in table(first)] == ["1"]
    assert not second.exists()


def test_tensorboard_has_numbers_and_pictures_and_a_run_that_goes_on_has_no_double_steps(files):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    columns = {"corrupted": images, "clean": images}
    for done, steps in ((None, (1, 2, 3)), (2, (3, 4))):
        with Records(files, {}, overwrite=True, trackers=["tensorboard"], keep=done) as records:
            assert records.trackers.show_pictures
            for step in steps:
                records.trackers.scalars(step, {"train_loss": 1 / step})
            records.trackers.pictures(steps[-1], columns)
    logs = EventAccumulator(str(files.trackers / "tensorboard"))
    logs.Reload()
    assert [event.step for event in logs.Scalars("train_loss")] == [1, 2, 3, 4]
    shown = logs.Images("corrupted | clean")
    assert [(event.step, event.height, event.width) for event in shown][-1] == (4, 16, 16)


# --- weights & biases, which need not be installed -------------------------------------------------


@pytest.fixture
def wandb(monkeypatch):
    """A package that remembers."""
    said = []
    run = SimpleNamespace(
        log=lambda values, step: said.append((step, values)),
        finish=lambda exit_code: said.append(("finished", exit_code)),
    )
    package = ModuleType("wandb")
    package.init = lambda **options: said.append(options) or run
    package.Image = lambda pixels: (pixels.dtype.name, pixels.shape)
    monkeypatch.setitem(sys.modules, "wandb", package)
    return said


def test_wandb_is_told_all_of_it(files, wandb):
    images = torch.zeros(2, 3, 8, 8)
    with Records(files, {"seed": 1}, overwrite=False, trackers=["wandb"]) as records:
        records.trackers.scalars(1, {"train_loss": 0.5})
        records.trackers.pictures(1, {"restored": images, "clean": images})
    opened, *said = wandb
    assert opened["name"] == opened["group"] == "run1" and opened["config"] == {"seed": 1}
    assert said[0] == (1, {"train_loss": 0.5})
    assert said[1] == (1, {"restored | clean": ("uint8", (16, 16, 3))})
    assert said[2] == ("finished", 0)


def test_a_run_that_fails_is_told_so(files, wandb):
    with (
        pytest.raises(FloatingPointError),
        Records(files, {}, overwrite=False, trackers=["wandb"]),
    ):
        raise FloatingPointError
    assert wandb[-1] == ("finished", 1)


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("wandb", "wandb", "wandb"),
        ("tensorboard", "torch.utils.tensorboard", "telegrad.tensorboard"),
    ],
)
def test_a_package_that_is_missing_is_refused_with_the_line_that_installs_it(
    name, module, package, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"tracker={name} .*pip install '?{package}"):
        check_loggers(["csv", name])


def test_what_is_here_is_not_refused(wandb):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_loggers(LOGGERS)


# --- pictures -------------------------------------------------------------------------------------


def test_a_row_for_each_image_and_a_column_for_each_name():
    low, high = torch.full((2, 3, 4, 4), -1.0), torch.full((2, 3, 8, 8), 1.0)
    low[1] = 0.5
    image = side_by_side([low, high])
    assert image.shape == (3, 16, 16)
    assert image[:, :8, :8].unique().tolist() == [0.0]
    assert image[:, 8:, :8].unique().tolist() == [0.5]
    assert image[:, :, 8:].unique().tolist() == [1.0]
    assert side_by_side([3 * high]).max() == 1
    assert side_by_side([low[:, :1], high[:, :1]]).shape == (3, 16, 16)
