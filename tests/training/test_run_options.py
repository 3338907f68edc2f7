"""Losses, updates and trackers as options of whole runs."""

import sys

import pytest
import torch
import yaml
from describe import changed, described

from telegrad.runs import running
from telegrad.runs.build import build_learning_rate
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint

SUM = {"loss": "Sum", "loss.terms": {"L1": 1.0, "FFT": 0.1}}


@pytest.fixture
def recipe(tmp_path):
    return described(
        task="paper_denoising",
        strategy="cascadic",
        network="resnet",
        channels=8,
        size=32,
        levels=2,
        batch_size=2,
        work_units=40,
        learning_rate=5e-3,
        validations=2,
        images=4,
        device="cpu",
        out=str(tmp_path / "results"),
    )


def weights(report):
    return read_checkpoint(report.files.best)["model_state_dict"]


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "PSNR", "clip": 1.0, "warmup": 0.1},
        {**SUM, "accumulate": 2},
        {"optimizer": "schedulefree.AdamWScheduleFree", "warmup": 0.1},
        {"optimizer": "schedulefree.SGDScheduleFree", "learning_rate": 0.3, "clip": 1.0},
        {"loss": "MSSSIM", "loss.scales": 1},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_runs_learn_with_them(recipe, options):
    report = run(changed(recipe, **({"work_units": 400} | options)))
    assert report.restored.mean_mse < 0.9 * report.corrupted.mean_mse


def test_a_loss_that_needs_larger_images_is_refused_before_the_first_step(recipe, tmp_path):
    with pytest.raises(ValueError, match=r"MSSSIM: images of 16×16; scales=2 needs 22×22"):
        run(changed(recipe, **{"loss": "MSSSIM", "loss.scales": 2}))
    assert not (tmp_path / "results").exists()


def test_a_part_of_a_sum_that_is_no_loss_is_refused_before_the_first_step(recipe, tmp_path):
    with pytest.raises(ValueError, match="os.system: needs a class derived from"):
        run(changed(recipe, **{"loss": "Sum", "loss.terms": {"os.system": 1.0}}))
    assert not (tmp_path / "results").exists()


def test_the_source_of_a_term_is_known_too(recipe, tmp_path, monkeypatch):
    (tmp_path / "my_terms.py").write_text(
        "from telegrad.losses import L1\nclass Mine(L1):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    config = changed(recipe, **{"loss": "Sum", "loss.terms": {"my_terms.Mine": 1.0}})
    run(config)
    file = tmp_path / "my_terms.py"
    file.write_text(file.read_text() + "# another\n")
    with pytest.raises(ValueError, match="the source of my_terms.Mine is another"):
        run(config, resume=True)


def test_a_learning_rate_without_decay_for_optimizers_that_average(recipe):
    config = changed(recipe, optimizer="schedulefree.AdamWScheduleFree", warmup=0.1)
    rate = build_learning_rate(config)
    assert (rate.decay, rate.warmup) == (0.0, 0.1)
    assert config.ema is changed(config, task="denoising").ema is None
    for options, says in (({"decay": 0.3}, "decay=0.3"), ({"validation.ema": 0.9}, "ema=0.9")):
        with pytest.raises(ValueError, match=rf"{says}: AdamWScheduleFree averages the weights"):
            changed(config, **options)


OWN = """
import schedulefree
import torch


def averaging(params, lr=1e-3):
    return schedulefree.AdamWScheduleFree(params, lr=lr)


def of_the_last_layers(params, lr=1e-3):
    return torch.optim.AdamW([list(params)[k] for k in (-7, -6, -5)], lr=lr)


class Spectral(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3, 1, 1, dtype=torch.complex64))

    def forward(self, x):
        return x + torch.fft.ifft2(torch.fft.fft2(x) * self.weight).real
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a user's own in the working directory."""
    (tmp_path / "own_of_test.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield "own_of_test"
    sys.path[:] = before
    sys.modules.pop("own_of_test", None)


def test_an_optimizer_that_a_function_makes_is_known_by_what_it_makes(recipe, own):
    config = changed(recipe, optimizer=f"{own}.averaging", task="denoising")
    assert build_learning_rate(config).decay == 0.0
    assert config.ema is None
    with pytest.raises(ValueError, match="decay=0.3: averaging averages the weights"):
        changed(config, decay=0.3)


def test_a_function_may_need_the_weights_of_its_own_network(recipe, own):
    report = run(changed(recipe, optimizer=f"{own}.of_the_last_layers", work_units=20))
    assert report.progress.iteration > 0


@pytest.mark.parametrize("optimizer", ["AdamW", "telegrad.optimizers.Muon"])
def test_complex_weights_are_trained(recipe, own, optimizer):
    options = {"network": f"{own}.Spectral", "network.channels": None, "optimizer": optimizer}
    report = run(changed(recipe, work_units=200, learning_rate=2e-2, **options))
    assert report.restored.mean_mse < 0.98 * report.corrupted.mean_mse
    assert weights(report)["weight"].is_complex()


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"clip": 1.0}, "update.clip: None then, 1.0 now"),
        ({"accumulate": 2}, "update.accumulate: 1 then, 2 now"),
        ({"warmup": 0.1}, "strategy.warmup: 0.0 then, 0.1 now"),
        (SUM, "loss: None then, telegrad.losses.Sum now"),
    ],
)
def test_a_run_does_not_go_on_with_others(recipe, options, says):
    run(recipe)
    with pytest.raises(ValueError, match=f"another run .*{says}"):
        run(changed(recipe, **options), resume=True)


def test_a_run_of_before_these_options_goes_on(recipe):
    report = run(recipe)
    stored = yaml.safe_load(report.files.config.read_text())
    del stored["update"], stored["strategy"]["init_args"]["warmup"], stored["output"]["tracker"]
    report.files.config.write_text(yaml.safe_dump(stored))
    assert run(recipe, resume=True).progress == report.progress


def test_a_run_may_be_followed_from_some_time_on(recipe):
    first = run(recipe)
    longer = changed(recipe, work_units=60, tracker=["csv"])
    assert run(longer, resume=True).progress.work_units > first.progress.work_units
    (table,) = (first.files.trackers / "csv").glob("from_*/metrics.csv")
    assert table.parent.name == f"from_{first.progress.iteration}"
    assert "output.tracker: None then, ['csv'] now" in first.files.events.read_text()


# --- trackers -------------------------------------------------------------------------------------


def test_a_followed_run_is_the_run_that_was_not(recipe, tmp_path):
    plain = weights(run(recipe))
    report = run(changed(recipe, tracker="csv,tensorboard", out=str(tmp_path / "followed")))
    followed = weights(report)
    assert all(torch.equal(plain[name], followed[name]) for name in plain)
    header = (report.files.trackers / "csv/from_0/metrics.csv").read_text().splitlines()[0]
    for name in ("train_loss", "learning_rate", "work_units", "seconds", "valid_psnr", "step"):
        assert name in header.split(",")
    assert list((report.files.trackers / "tensorboard").glob("events.out.tfevents.*"))


def test_a_tracker_that_fails_ends_no_run(recipe, monkeypatch):
    from lightning_fabric.loggers import TensorBoardLogger

    def fail(self, *_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(TensorBoardLogger, "log_metrics", fail)
    with pytest.warns(UserWarning, match="tracker tensorboard is left off: OSError: disk full"):
        report = run(changed(recipe, tracker="tensorboard"))
    assert report.files.report.exists()
    assert report.files.events.read_text().count("tensorboard is left off") == 1


def test_a_package_that_is_missing_is_said_before_the_first_step(recipe, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match="tracker=wandb .* pip install wandb"):
        run(changed(recipe, tracker="wandb"))
    assert not (tmp_path / "results").exists()


def test_trackers_that_are_none_are_refused(recipe):
    with pytest.raises(ValueError, match="tracker=mlflow: needs one or more of csv, tensorboard"):
        changed(recipe, tracker="mlflow")


def test_a_finished_run_that_goes_on_is_finished_once_it_has_ended_again(recipe, monkeypatch):
    first = run(recipe)
    assert first.files.report.exists()

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        run(changed(recipe, work_units=60), resume=True)
    assert not first.files.report.exists()
    monkeypatch.undo()
    again = run(changed(recipe, work_units=60), resume=True)
    assert again.files.report.exists()
