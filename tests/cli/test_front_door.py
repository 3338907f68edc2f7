"""What a new user meets: defaults, first lines, help, errors said once, stops and pipes."""

import signal
import subprocess
import sys

import pytest

from telegrad.cli import guard
from telegrad.cli.main import COMMANDS, main
from telegrad.cli.summary import announcement
from telegrad.records import Records
from telegrad.runs.compose import compose

SMALL = "--network.channels 4 --network.halvings 1 --size 32 --levels 2 --device cpu".split()


def test_a_task_alone_is_a_run_that_says_what_it_is():
    config = compose({"task": "denoising"})
    assert announcement(config).startswith(
        "denoising (σ 25): GatedUNet, strategy race, 3 minutes; photographs, crops of 64×64."
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "jpeg", "budget": "90s"}, "jpeg (quality 10..90): GatedUNet, strategy race, 90 seconds"),
        ({"task": "inpainting", "work_units": 500}, "inpainting (boxes): GatedUNet, strategy race, 500 work"),
        ({"task": "denoising", "steps": 40}, "denoising (σ 25): GatedUNet, strategy single, 40 steps"),
        ({"task": "paper_denoising"}, "denoising: UNet, strategy single, 2,000 steps"),
    ],
)  # fmt: skip
def test_other_lengths_and_the_paper_s_tasks_have_their_own(options, said):
    assert announcement(compose(options)).startswith(said)


def test_the_first_line_of_training_says_what_is_trained(tmp_path, capsys):
    words = ["train", "denoising", *SMALL, "--work_units", "8", "--out", str(tmp_path)]
    assert main([*words, "--validation.images", "2"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("denoising (σ 25): GatedUNet, strategy race, 8 work units; ")


def test_a_stopped_run_leaves_the_picture_and_the_model_of_what_there_is(
    tmp_path, capsys, monkeypatch
):
    trained = Records.trained

    def interrupted(self, iteration, *row):
        trained(self, iteration, *row)
        if iteration == 30:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Records, "trained", interrupted)
    words = ["train", "denoising", *SMALL, "--work_units", "40", "--out", str(tmp_path)]
    words += ["--strategy", "Auto"]
    assert main([*words, "--validation.images", "2", "--validation.times", "8"]) == 130
    said = capsys.readouterr().err
    for word, kind in (("Picture", "png"), ("Model", "pt")):
        (line,) = (line for line in said.splitlines() if line.startswith(word))
        assert (tmp_path / line.split()[1]).is_file() and line.endswith(kind)
    assert "Go on with: telegrad train --resume" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_s_help_has_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"telegrad {command} " in capsys.readouterr().out.rpartition("example")[2]


def test_a_command_s_name_stands_once_before_an_error(capsys):
    def fails():
        raise ValueError("evaluate: --out a.txt; needs a name that ends in .csv.")

    assert guard.guarded("telegrad evaluate", fails) == 2
    assert capsys.readouterr().err.startswith("telegrad evaluate: --out a.txt; needs")
    assert main(["restore", "photo.jpg"]) == 2
    assert capsys.readouterr().err.count("restore:") == 1


def test_whoever_reads_may_have_enough():
    code = "from telegrad.cli.main import main; import sys; sys.exit(main(['recipes']))"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
