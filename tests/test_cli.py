"""The command line as its users meet it."""

import numpy as np
import pytest
import yaml
from PIL import Image

from multiscale.cli import main
from multiscale.tasks import TASKS

SMALL = (
    "--network resnet --channels 8 --img_size 16 --levels 2 --batch_size 2 --work_units 8 "
    "--val_images 4 --validations 1 --device cpu"
).split()


def train(*options, results):
    return main(["train", "denoising", *SMALL, "--results_dir", str(results), *options])


def refused(*options, capsys, results="results"):
    """What is said to a wrong option; the exit code must be 2."""
    try:
        code = train(*options, results=results)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    return capsys.readouterr().err


def test_a_run_says_what_it_did_and_where_everything_is(tmp_path, capsys):
    assert train("--mode", "fullmultiscale", results=tmp_path) == 0
    said = capsys.readouterr().out
    for part in ("Schedule: ", "Trained denoising_photographs_resnet_fullmultiscale_run1", "corrupted",
                 "restored", " dB", "picture.png", "_best.pt"):  # fmt: skip
        assert part in said
    assert (tmp_path / "runs/denoising_photographs_resnet_fullmultiscale_run1/picture.png").exists()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mode", ["single", "multiscale", "fullmultiscale", "cascadic"])
def test_every_task_in_every_mode(task, mode, tmp_path, capsys):
    options = [
        "--mode",
        mode,
        "--img_size",
        "32",
        "--work_units",
        "60",
        "--results_dir",
        str(tmp_path),
    ]
    assert main(["train", task, *SMALL, *options]) == 0
    assert f"Trained {task}_photographs_resnet_{mode}_run1" in capsys.readouterr().out
    log = (tmp_path / "logs" / f"{task}_photographs_resnet_{mode}_run1_valid.csv").read_text()
    columns = "iteration,valid_loss,valid_ssim" if task == "inpainting" else "iteration,valid_loss"
    assert log.splitlines()[0] == columns


def test_the_stored_configuration_runs_again_and_options_after_it_win(tmp_path, capsys):
    assert train("--seed", "7", "--t_max", "0.3", results=tmp_path) == 0
    stored = tmp_path / "runs/denoising_photographs_resnet_single_run1/config.yaml"
    assert (
        main(["train", "denoising", "--config", str(stored), "--run_id", "2", "--t_max", "0.2"])
        == 0
    )
    again = yaml.safe_load(
        (tmp_path / "runs/denoising_photographs_resnet_single_run2/config.yaml").read_text()
    )
    expected = yaml.safe_load(stored.read_text()) | {"run_id": 2, "t_max": 0.2}
    assert again == expected


def test_a_folder_of_images(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 24, 30, 3), np.uint8)
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{k:02}.png")
    folder = ("--dataset", "folder", "--data_dir", str(tmp_path))
    results = tmp_path / "results"
    assert train(*folder, results=results) == 0
    (tmp_path / "04.png").write_bytes(b"broken")
    assert "04.png: can't be read" in refused(
        *folder, "--run_id", "2", capsys=capsys, results=results
    )
    with pytest.warns(UserWarning, match=r"skipped .*04\.png"):
        assert train(*folder, "--run_id", "3", "--bad_images", "skip", results=results) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--mode vcycle", "'single', 'multiscale', 'fullmultiscale', 'cascadic'"),
        ("--network vgg", "'unet', 'resnet', 'srnet'"),
        ("--dataset imagenet", "'photographs', 'folder'"),
        ("--form mlmc", "'nested', 'independent'"),
        ("--iterations many", "iterations"),
        ("--learning-rate 1", "learning-rate"),
        ("--no_such_option 1", "no_such_option"),
        ("--img_size 50 --levels 3", "50×50 can't be halved 2 times (50 → 25 → 12.5); use levels=2"),
        ("--img_size 8 --levels 6", "use levels=4"),
        ("--network unet --img_size 16 --levels 4 --mode multiscale --channels 16", "divisible by 4"),
        ("--batch_size 0", "batch_size=0: needs 1 or more"),
        ("--sigma 3", "sigma is not an option of denoising"),
        ("--batch_sizes [4,2]", "got both batch_size and batch_sizes"),
        ("--seed -1", "seed=-1: needs 0 or more"),
        ("--learning_rate -1", "needs a positive number"),
        ("--t_max 2", "needs a time in (0, 1]"),
        ("--iterations 5", "got both iterations and work_units"),
        ("--mode cascadic --shares [1,2,3]", "needs one positive number each"),
        ("--dataset folder", "dataset=folder needs data_dir"),
        ("--data_dir somewhere", "use dataset=folder"),
        ("--dataset folder --data_dir nowhere", "nowhere is not a directory"),
        ("--img_size 512 --levels 2", "smaller than the crop of 512×512"),
        ("--device cuda:99", "cuda:99"),
        ("--device abacus", "abacus"),
        ("--config missing.yaml", "missing.yaml"),
    ],
)  # fmt: skip
def test_wrong_input_ends_in_a_clear_message_and_exit_code_2(options, says, capsys, tmp_path):
    said = refused(*options.split(), capsys=capsys, results=tmp_path)
    assert says in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_or_command_says_which_there_are(capsys):
    for arguments, says in (
        (["train", "dehazing"], "denoising"),
        (["fly"], "train"),
        ([], "command"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("superresolution --t_max 0.1", "t_max is not an option of superresolution"),
        ("superresolution --network unet", "superresolution has no times, which unet needs"),
        ("superresolution --img_size 16 --levels 2 --mode cascadic", "levels of at least 16×16"),
        ("superresolution --img_size 34 --levels 2 --mode cascadic", "divisible by 2"),
        ("deblurring --sigma -1", "needs two lengths of at least 0"),
        ("inpainting --sigma 1", "sigma is not an option of inpainting"),
        ("deblurring --level_rule exact", "'physical', 'pixel'"),
    ],
)
def test_options_that_do_not_suit_the_task(options, says, capsys, tmp_path):
    try:
        code = main(["train", *SMALL, *options.split(), "--results_dir", str(tmp_path)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert says in capsys.readouterr().err


def test_a_wrong_key_in_a_yaml_file_is_an_error(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("mode: single\nlerning_rate: 0.1\n")
    assert "lerning_rate" in refused(
        "--config", str(tmp_path / "config.yaml"), capsys=capsys, results=tmp_path
    )


def test_help_names_every_option_with_its_meaning_and_default(capsys):
    from dataclasses import fields

    from multiscale.recipes import Recipe

    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in fields(Recipe):
        if option.name != "task":
            assert f"--{option.name} " in said
    assert "samples on the finest level" in said
    assert "default: 0.0005" in said
