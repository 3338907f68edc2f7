"""What `telegrad diagnose` measures, and what it refuses."""

import json

import pytest

from telegrad.cli.main import main

TRAINED = (
    "train paper_denoising --network resnet --network.channels 8 --size 16 --levels 2 "
    "--batch_size 2 --work_units 8 --validation.images 4 --validation.times 1 --device cpu"
).split()


def test_diagnose_a_trained_and_a_new_network(tmp_path, capsys):
    assert main([*TRAINED, "--out", str(tmp_path)]) == 0
    model = str(tmp_path / "models/denoising_photographs_resnet_single_run1_best.pt")
    capsys.readouterr()
    numbers = tmp_path / "numbers.json"
    assert main(["diagnose", model, "--draws", "9", "--json", str(numbers)]) == 0
    said = capsys.readouterr().out
    assert "LevelStatistics: 9 draws on 2 levels" in said and "Advice: " in said
    plain = json.loads(numbers.read_text())
    assert plain["finest"] == [16, 16] and len(plain["consistency"]) == 2
    assert plain["consistency"][0] < 1 and plain["consistency"][1] is None
    assert plain["advice"] in said

    assert main(["diagnose", model, "--draws", "4", "--size", "32", "--levels", "3"]) == 0
    said = capsys.readouterr().out
    assert "4 draws on 3 levels" in said and "Too few draws (4)" in said

    run = str(tmp_path / "runs/denoising_photographs_resnet_single_run1")
    assert main(["diagnose", run, "--draws", "4"]) == 0
    assert "4 draws on 2 levels" in capsys.readouterr().out
    ours = ["denoise", "--data", "EightPhotographs", "--size", "16", "--levels", "2"]
    assert main(["diagnose", *ours, "--draws", "2"]) == 0
    assert "2 draws on 2 levels" in capsys.readouterr().out

    new = "--network resnet --network.channels 8 --size 16 --levels 1 --draws 8".split()
    assert main(["diagnose", "paper_deblurring", *new]) == 0
    assert "There is one level" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("nothing.pt", "no such file"),
        ("paper_denoising --network vgg", "Networks: GatedUNet, PlainCNN, ResNet, SRNet, UNet"),
        ("paper_denoising --sigma 2", "no option --sigma"),
        (
            "paper_denoising --draws 1 --network resnet --network.channels 8",
            "draws=1: needs 2 or more",
        ),
        ("paper_denoising --size 9", "UNet needs sizes divisible by 4"),
        ("paper_denoising --data folder", "path"),
        ("paper_denoising --out foo", "--out makes no difference: all levels are measured at once"),
        ("paper_denoising --steps 5", "--steps makes no difference"),
        ("paper_denoising --strategy Auto", "--strategy makes no difference"),
        ("denoise --out foo", "--out makes no difference"),
        ("denoise --validation.images 5", "--validation.images makes no difference"),
        ("paper_denoising --json nodir/x.json", "--json nodir/x.json: no folder nodir; make it"),
        ("paper_denoising --json . --overwrite", "--json . is there already"),
        ("paper_denoising --budget 0.5", "0.5 work units a step doesn't buy one sample"),
    ],
)
def test_what_can_not_be_diagnosed(options, says, capsys):
    try:
        code = main(["diagnose", *options.split()])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
