"""The report: one page that needs nothing else, whatever state its runs are in."""

import base64
import io
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml
from PIL import Image

from telegrad.cli.arguments import scan
from telegrad.cli.main import main
from telegrad.cli.train import chosen, with_task
from telegrad.experiments.comparison import comparison_of
from telegrad.experiments.launch import launch_comparison
from telegrad.experiments.report import command, verdict, write_report
from telegrad.experiments.run_files import read_options
from telegrad.records import run_directories
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.resume import flattened

EVIL = '<script>alert("x")</script> & $\\frac'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six real runs: two strategies, one of them with probes, by three seeds."""
    comparison = comparison_of(
        strategies={
            EVIL: {"strategy": "Multiscale", "batch_size": 2, "adapt": 0.3},
            "auto": {"strategy": "telegrad.schedules.Auto"},
        },
        seeds=[0, 1, 2],
        size=32,
        budget="150wu",
        device="cpu",
        **{"network.channels": 8, "validation.images": 4, "validation.times": 3},
    )
    directory = tmp_path_factory.mktemp("made")
    assert launch_comparison(comparison, directory, parallel=2) == []
    return directory


@pytest.fixture
def runs(made, tmp_path):
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def page(directory):
    return write_report(directory)[0].read_text()


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the ones left open."""

    EMPTY = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.all, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(runs):
    text = page(runs)
    elements = Elements(text)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in elements.all} & {"script", "iframe", "object", "embed"}
    links = {value for _, a in elements.all for name, value in a.items() if name in ("src", "href")}
    outside = [x for x in links if not x.startswith(("data:", "#")) and "xlink" not in x]
    assert sorted(outside) == ["summary.csv", "summary.json"]
    assert "url(http" not in text
    assert not any(name.startswith("on") for _, a in elements.all for name in a)


def test_it_shows_tables_curves_work_variances_decisions_and_commands(runs):
    config = next(runs.rglob("runs/*_auto_run1/config.yaml"))
    config.with_name("events.log").write_text("2026-01-01T00:00:00 iteration 9: moving <on>\n")
    text = page(runs)
    for part in ("95 % confidence interval", "Validation loss against work units", "against seconds",
                 "Work units by the finest level", "correction_variance", "What runs decided", "iteration 9: moving &lt;on&gt;", "How to make each again",
                 "telegrad train denoising --network ResNet --network.channels 8",
                 "against the best"):  # fmt: skip
        assert part in text
    assert "Restored images" in text
    assert text.count("<svg") == 3


def test_pictures_are_real_images_with_words_for_those_who_can_not_see_them(runs):
    images = [a for tag, a in Elements(page(runs)).all if tag == "img"]
    assert len(images) == 3 * 2 * 4  # images, with a detail each, of corrupted, two restored, clean
    shown = {}
    for image in images:
        pixels = base64.b64decode(image["src"].split(",", 1)[1])
        shown[image["alt"]] = np.asarray(Image.open(io.BytesIO(pixels)))
    assert len(shown) == len(images)
    assert {array.shape for array in shown.values()} == {(32, 32, 3), (24, 24, 3)}
    corrupted, clean = (
        next(array for alt, array in shown.items() if alt.startswith(f"image 3, {name}"))
        for name in ("corrupted", "clean")
    )
    assert corrupted.astype(float).std() > 1
    assert np.abs(corrupted.astype(float) - clean).mean() > 1


def test_names_from_files_are_shown_and_not_run(runs):
    text = page(runs)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def parsed(words):
    """The run that a command makes, by the command line's own code."""
    program, name, *rest = shlex.split(words)
    assert (program, name) == ("telegrad", "train")
    return chosen(with_task(*scan(rest)))


def at_home(config):
    """The run as it would be if it had been begun by hand."""
    runtime = replace(config.runtime, cache_dir=None)
    return replace(config.with_output(directory="results", overwrite=False), runtime=runtime)


def test_the_command_makes_the_same_run_again(runs):
    for files in run_directories(runs):
        words = command(read_options(files))
        assert str(runs) not in words
        assert parsed(words) == at_home(Config.from_dict(yaml.safe_load(files.config.read_text())))


OWN = """
from torch import nn


class OwnNet(nn.Module):
    def __init__(self, width: int = 4, form: str | None = "a", parts: list[int] = (1, 2), **more):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.mark.parametrize(
    "options",
    [
        {
            "task": "paper_superresolution",
            "network": "SRNet",
            "size": 128,
            "strategy": "Auto",
            "budget": "500wu",
        },
        {"optimizer": "AdamW", "optimizer.betas": [0.9, 0.9], "optimizer.lr": 1e-4},
        {"optimizer": "SGD", "optimizer.momentum": 0.9, "optimizer.nesterov": True},
        {"loss": "Charbonnier", "loss.epsilon": 1e-2, "seed": 7},
        {"loss": "torch.nn.L1Loss", "loss.reduction": "none"},
        {
            "strategy": "Cascadic",
            "batch_sizes": [8, 4, 2, 2],
            "budget": "90s",
            "shares": [1, 1, 2, 0],
        },
        {"network": "ResNet", "network.residual": False, "label": "--a 'label', of $many"},
        {"label": "5", "compile": True, "precision": "bf16-mixed", "ema": 0.99, "run_id": 3},
        {"network": "own_net_for_report.OwnNet", "network.width": 6, "network.form": None},
        {"network": "own_net_for_report.OwnNet", "network.parts": [3]},
        {"task": "paper_denoising", "restriction": "injection", "t_max": 0.25},
        {"data": "STL10", "size": 32},
    ],
    ids=str,
)
def test_a_command_says_all_that_is_not_as_by_default(options, tmp_path, monkeypatch):
    (tmp_path / "own_net_for_report.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    config = compose(options)
    words = command(flattened(config.to_dict()))
    assert parsed(words) == config
    assert len(shlex.split(words)) <= 3 + 2 * (len(options) + 4)


def test_a_folder_is_named_by_what_stands_for_it(tmp_path):
    config = compose({"data": str(tmp_path), "size": 32})
    words = command(flattened(config.to_dict()))
    assert str(tmp_path) not in words
    assert "--data Folder --data.size 32 --data.path DATA" in words


def test_what_is_broken_is_said_and_the_rest_stands(runs):
    one, two, *_ = sorted(runs.rglob("runs/*/progress.csv"))
    one.write_text(one.read_text()[:90])
    two.unlink()
    for model in runs.rglob("*_best.pt"):
        model.write_bytes(b"torn")
    for log in runs.rglob("events.log"):
        log.write_bytes(b"\xff\xfe broken")
    text = page(runs)
    assert "No pictures: checkpoint" in text
    assert "confidence interval" in text


def test_a_run_under_way_stands_apart(runs):
    next(runs.rglob("report.json")).unlink()
    text = page(runs)
    assert "Not averaged in" in text
    assert ": unfinished" in text


def test_one_seed_claims_nothing(runs):
    for seed in (1, 2):
        for run in list(runs.glob(f"*/*/seed{seed}")):
            shutil.rmtree(run)
    assert "With one seed no difference can be told from chance." in page(runs)
    _, summary = write_report(runs)
    assert "ignificant" not in verdict(summary.settings[0])


def test_the_command_line_writes_it_and_tensorboards_logs(runs, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["report", str(runs), "--tensorboard", "true"]) == 0
    said = capsys.readouterr().out
    assert "not averaged in" not in said
    assert str(runs / "report.html") in said
    logs = sorted((runs / "tensorboard").rglob("events.out.*"))
    assert len(logs) == 6
    read = EventAccumulator(str(logs[0].parent))
    read.Reload()
    losses = [event.value for event in read.Scalars("valid_loss")]
    assert len(losses) >= 3
    assert main(["report", str(runs / "tensorboard")]) == 2
    assert "holds no runs" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
@pytest.mark.parametrize("width", [500, 1200])
def test_a_browser_shows_it_without_complaint(runs, width, tmp_path):
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    done = subprocess.run(
        ["chromium", *options.split(), "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", f"--window-size={width},900",
         f"--screenshot={tmp_path / 'page.png'}", write_report(runs)[0].as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert pixels.shape[1] == width
    assert pixels.std() > 10
