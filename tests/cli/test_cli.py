"""The command line as its users meet it."""

import shlex

import numpy as np
import pytest
import yaml
from PIL import Image

from telegrad.cli.main import main
from telegrad.cli.run_options import composed
from telegrad.cli.train import left_by
from telegrad.runs.component import KINDS
from telegrad.runs.compose import compose

SMALL = (
    "--network resnet --network.channels 8 --size 16 --levels 2 --batch_size 2 --work_units 8 "
    "--validation.images 4 --validation.times 1 --device cpu"
).split()


def train(*options, results):
    return main(["train", "paper_denoising", *SMALL, "--out", str(results), *options])


def refused(*options, capsys, results="results"):
    """What is said to a wrong option; the exit code must be 2."""
    try:
        code = train(*options, results=results)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    return capsys.readouterr().err


def test_a_run_says_what_it_did_and_where_everything_is(tmp_path, capsys):
    assert train("--strategy", "fullmultiscale", results=tmp_path) == 0
    said = capsys.readouterr().out
    for part in ("Schedule: ", "Trained denoising_photographs_resnet_fullmultiscale_run1", "corrupted",
                 "restored", " dB", "picture.png", "_best.pt"):  # fmt: skip
        assert part in said
    assert (tmp_path / "runs/denoising_photographs_resnet_fullmultiscale_run1/picture.png").exists()


def stored_loss(results):
    (file,) = results.glob("runs/*/config.yaml")
    return yaml.safe_load(file.read_text())["loss"]


@pytest.mark.parametrize(
    ("words", "init_args"),
    [
        (["Sum", "--loss.terms", '{"L1": 1, "FFT": 0.1}'], {"terms": {"L1": 1.0, "FFT": 0.1}}),
        (["torch.nn.L1Loss", "--loss.reduction", "none"], {"reduction": "none"}),
        (["PSNR"], {"epsilon": 1e-8}),
    ],
)
def test_losses_from_the_shell(words, init_args, tmp_path, capsys):
    assert train("--loss", *words, results=tmp_path) == 0
    assert init_args.items() <= stored_loss(tmp_path)["init_args"].items()


def test_a_sum_of_losses_from_a_file_and_again_from_what_the_run_stored(tmp_path, capsys):
    terms = [
        {"class_path": "Charbonnier", "init_args": {"epsilon": 0.01}, "weight": 2},
        {"class_path": "torch.nn.L1Loss", "init_args": {"reduction": "none"}},
    ]
    config, first, second = (tmp_path / name for name in ("sum.yaml", "first", "second"))
    loss = {"class_path": "telegrad.losses.Sum", "init_args": {"terms": terms}}
    config.write_text(yaml.safe_dump({"loss": loss}))
    assert train("--config", str(config), results=first) == 0
    (stored,) = first.glob("runs/*/config.yaml")
    assert train("--config", str(stored), results=second) == 0
    assert stored_loss(first) == stored_loss(second)
    assert stored_loss(second)["init_args"]["terms"] == terms
    logs = (next(r.glob("logs/*_train.csv")).read_text().splitlines() for r in (first, second))
    losses = [[line.split(",")[1] for line in log] for log in logs]
    assert losses[0] == losses[1]


def test_a_tracker_from_the_shell_and_another_one_when_the_run_goes_on(tmp_path, capsys):
    assert train("--tracker", "csv", results=tmp_path) == 0
    (run,) = tmp_path.glob("runs/*")
    assert (run / "trackers/csv/from_0/metrics.csv").exists()
    words = ["--work_units", "12", "--tracker", "csv,tensorboard"]
    assert main(["train", "--resume", str(run), *words]) == 0
    assert list((run / "trackers/tensorboard").iterdir())
    assert main(["train", "--resume", str(run), "--clip", "1"]) == 2
    assert "--clip can't change" in capsys.readouterr().err


PAPER = ["denoising", "deblurring", "inpainting", "superresolution"]
STRATEGIES = {strategy.name: name for name, strategy in KINDS["strategy"].names().items()}


@pytest.mark.parametrize(
    ("task", "mode"),
    [("denoising", mode) for mode in STRATEGIES] + [(task, "fullmultiscale") for task in PAPER[1:]],
)
def test_every_task_of_the_paper_and_every_mode(task, mode, tmp_path, capsys):
    size = "64" if mode == "progressive_patches" else "32"  # its first patches are a third of that
    options = ["--strategy", STRATEGIES[mode], "--size", size, "--work_units", "60"]
    assert main(["train", f"paper_{task}", *SMALL, *options, "--out", str(tmp_path)]) == 0
    assert f"Trained {task}_photographs_resnet_{mode}_run1" in capsys.readouterr().out
    log = (tmp_path / "logs" / f"{task}_photographs_resnet_{mode}_run1_valid.csv").read_text()
    columns = "iteration,valid_loss,valid_ssim" if task == "inpainting" else "iteration,valid_loss"
    assert log.splitlines()[0] == columns


def test_the_stored_configuration_runs_again_and_options_after_it_win(tmp_path, capsys):
    assert train("--seed", "7", "--t_max", "0.3", results=tmp_path) == 0
    stored = tmp_path / "runs/denoising_photographs_resnet_single_run1/config.yaml"
    assert (
        main(
            ["train", "paper_denoising", "--config", str(stored), "--run_id", "2", "--t_max", "0.2"]
        )
        == 0
    )
    again = yaml.safe_load(
        (tmp_path / "runs/denoising_photographs_resnet_single_run2/config.yaml").read_text()
    )
    expected = yaml.safe_load(stored.read_text())
    expected["output"]["run_id"] = 2
    expected["task"]["init_args"]["t_max"] = 0.2
    assert again == expected


def test_a_folder_of_images(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 24, 30, 3), np.uint8)
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{k:02}.png")
    folder = ("--data", str(tmp_path))
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
        ("--strategy vcycle", "Strategies: Auto, Cascadic, FullMultiscale"),
        ("--network vgg", "Networks: GatedUNet, PlainCNN, ResNet, SRNet, UNet"),
        ("--network ResNte", "did you mean ResNet?"),
        ("--network builtins.dict", "needs a class derived from torch.nn.Module"),
        ("--network no_such_module.Net", "can't be imported (ModuleNotFoundError"),
        ("--data imagenet", "There is no directory of that name either"),
        ("--data ./imagenet", "no such directory"),
        ("--optimizer AdamV", "did you mean Adam"),
        ("--optimizer LBFGS", "LBFGS: its step takes a closure, which evaluates the loss several"),
        ("--optimizer SparseAdam", "SparseAdam: gradients here are dense; use Adam or AdamW"),
        ("--loss huber", "Losses: FFT, L1, MSE, MSSSIM, PSNR, SSIM, Charbonnier, Sum"),
        ("--loss torch.nn.L1Loss", "reduction='none'"),
        ("--loss Sum", "needs terms; say --loss.terms"),
        ("--loss Sum --loss.terms {}", "Sum: no terms"),
        ('--loss Sum --loss.terms {"os.system":1}', "os.system: needs a class derived from"),
        ('--loss Sum --loss.terms {"L1":-1}', "the weight of L1 is -1"),
        ("--loss MSSSIM --loss.scales 3", "scales=3 needs 44×44 or larger. Use fewer levels"),
        ("--clip 0", "clip=0.0: needs a number above 0"),
        ("--accumulate 0", "accumulate=0: needs 1 or more"),
        ("--warmup 1", "warmup=1.0: needs a number at least 0 and below 1"),
        ("--optimizer schedulefree.AdamWScheduleFree --decay 0.3", "decay=0.3: AdamWScheduleFree"),
        ("--tracker mlflow", "tracker=mlflow: needs one or more of csv, tensorboard, wandb"),
        ("--strategy multiscale --form mlmc", "--form=mlmc"),
        ("--steps many", "--steps=many: needs a whole number"),
        ("--learning-rate 1", "did you mean --learning_rate?"),
        ("--no_such_option 1", "no option --no_such_option"),
        ("--mode auto", "it is --strategy now"),
        ("--size 50 --levels 3", "50×50 can't be halved 2 times (50 → 25 → 12.5); use levels=2"),
        ("--size 8 --levels 6", "use levels=4"),
        ("--network unet --size 16 --levels 4 --strategy multiscale --network.channels 16", "divisible by 4"),
        ("--batch_size 0", "batch_size=0: needs 1 or more"),
        ("--sigma 3", "no option --sigma"),
        ("--batch_sizes 4,2", "got both batch_size and batch_sizes"),
        ("--seed -1", "seed=-1: needs"),
        ("--learning_rate -1", "learning_rate"),
        ("--learning_rate 0", "learning_rate"),
        ("--optimizer torch.optim.Adam --optimizer.betas 2,2", "Invalid beta"),
        ("--t_max 2", "t_max=2.0: needs a number above 0 and at most 1"),
        ("--steps 5", "got both steps and work_units"),
        ("--strategy cascadic --shares 1,2,3", "needs one positive number each"),
        ("--data folder", "path"),
        ("--data.path somewhere", "no option --data.path"),
        ("--data folder --data.path nowhere", "nowhere is not a directory"),
        ("--validation.sets nowhere", "measure on, as in --validation.sets DIR"),
        ("--optimizer.betas 2", "--optimizer.betas=2: needs 2 values."),
        ("--batch_sizes x", "--batch_sizes=x: needs a list of whole numbers."),
        ("--tracker {", "--tracker={: needs a list of texts."),
        ("--size 512 --levels 2", "smaller than the crop of 512×512"),
        ("--device cuda:99", "cuda:99"),
        ("--device abacus", "abacus"),
        ("--config missing.yaml", "missing.yaml"),
        ("--network.channels 100000", "it would have 3.9e+11 weights"),
        ("--size 1000000000", "size=1000000000: needs at most 65,536"),
        ("--batch_size 1000000000000000000", "batch_size=1000000000000000000: needs at most"),
        ("--ratio 1000 --levels 4", "batch_sizes=[2000000000, 2000000, 2000, 2]: needs at most"),
        ("--levels 1000000000", "levels=1000000000: needs at most 16"),
        ("--validation.images 1000000000", "images=1000000000: needs at most"),
        ("--validation.times 1" + "0" * 400, "times"),
        ("--work_units .inf", "work_units=inf: needs"),
        ("--work_units 1000000000000", "work out at 500,000,000,000 steps"),
        ("--seed 18446744073709551616", "seed=18446744073709551616: needs"),
        ("--device cpu:", "device=cpu:: needs a number after the colon"),
        ("--out=", "directory='': needs"),
        ("--data.path= --data folder", "path='': needs"),
        ("--size", "--size needs a value"),
        ("one two", "one word too many"),
    ],
)  # fmt: skip
def test_wrong_input_ends_in_a_clear_message_and_exit_code_2(options, says, capsys, tmp_path):
    said = refused(*options.split(), capsys=capsys, results=tmp_path)
    assert says in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_says_which_there_are(capsys):
    for arguments, says in ((["train", "dehazing"], "Tasks: "),
                            (["train"], "which task? One of denoising")):  # fmt: skip
        assert main(arguments) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("paper_superresolution --t_max 0.1", "no option --t_max"),
        ("paper_superresolution --network unet", "needs a multiple of 16"),
        (
            "paper_superresolution --size 16 --levels 2 --strategy cascadic",
            "levels of at least 16×16",
        ),
        ("paper_superresolution --size 34 --levels 2 --strategy cascadic", "divisible by 2"),
        ("paper_deblurring --sigma -1", "sigma=-1.0: needs"),
        ("paper_denoising --batch_size null --batch_sizes []", "got 0 for 2 levels"),
        ("paper_denoising --batch_size null --batch_sizes [4,2,1]", "got 3 for 2 levels"),
        ("paper_deblurring --sigma 1e300", "sigma=1e+300: needs"),
        ("paper_inpainting --sigma 1", "no option --sigma"),
        ("paper_deblurring --level_rule exact", "--level_rule=exact"),
    ],
)
def test_options_that_do_not_suit_the_task(options, says, capsys, tmp_path):
    assert (
        main(["train", *options.split()[:1], *SMALL, *options.split()[1:], "--out", str(tmp_path)])
        == 2
    )
    assert says in capsys.readouterr().err


def test_a_wrong_key_in_a_yaml_file_is_an_error(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("strategy: Single\noptimiser: Adam\n")
    assert "did you mean optimizer?" in refused(
        "--config", str(tmp_path / "config.yaml"), capsys=capsys, results=tmp_path
    )


def test_numbers_of_a_file_are_those_of_yaml_1_2(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text(
        "optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 1e-3, weight_decay: 1e-4}}\n"
        "output: {label: '1e-3'}\n"
    )
    run = composed({"config": str(config)})
    assert run.optimizer.init_args["lr"] == 1e-3
    assert run.optimizer.init_args["weight_decay"] == 1e-4
    assert run.label == "1e-3"


def test_the_task_can_stand_in_the_file(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("task: paper_inpainting\n")
    options = [*SMALL, "--config", str(tmp_path / "config.yaml"), "--out", str(tmp_path)]
    assert main(["train", *options]) == 0
    assert "Trained inpainting_photographs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"strategy: \xe9", b"a: [b"], ids=["utf16", "latin", "torn"]
)
def test_a_file_that_can_not_be_read_is_refused(content, tmp_path, capsys):
    (tmp_path / "config.yaml").write_bytes(content)
    config = str(tmp_path / "config.yaml")
    assert "not a file of options" in refused("--config", config, capsys=capsys, results=tmp_path)


@pytest.mark.parametrize("line", ["strategy: vcycle", "task: 3", "runtime: 3", "seed: [1]", "- a"])
def test_a_stored_configuration_with_a_wrong_value_is_not_resumed(line, tmp_path, capsys):
    run = tmp_path / "runs" / "name"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(line)
    assert main(["train", "--resume", str(run)]) == 2
    said = capsys.readouterr().err
    assert "no such name" in said or "needs" in said or "is not the conf" in said
    assert "Traceback" not in said
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "is not the directory of a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prepare", "urban100", ""], "prepare: folder=''"),
        (["prepare", "urban100", "\0"], "prepare: folder="),
        (["evaluate", "\0"], "with no null character in it"),
        (["evaluate", __file__, "--device", "meta"], "device=meta can't be used"),
    ],
)
def test_names_that_are_none_are_refused(arguments, says, capsys):
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_help_of_plan_has_no_options_of_train_alone(capsys):
    for name in ("--resume", "--accept_changes"):
        assert main(["train", "--help"]) == 0
        assert name in capsys.readouterr().out
        assert main(["plan", "--help"]) == 0
        assert name not in capsys.readouterr().out
        assert main(["plan", "denoising", name, "x"]) == 2
        capsys.readouterr()


def test_how_a_run_goes_on_can_be_pasted(tmp_path):
    out = str(tmp_path / "my out")
    config = compose({"task": "denoising", "steps": 1, "out": out})
    command = left_by(config).partition("Go on with: ")[2]
    words = ["telegrad", "train", "--resume", str(config.directory.path)]
    assert shlex.split(command) == words and out in words[-1]


def test_help_names_every_option_of_the_chosen_parts(capsys):
    assert main(["train", "paper_deblurring", "--strategy", "Auto", "--help"]) == 0
    said = capsys.readouterr().out
    for name in ("--sigma", "--patches", "--network.channels", "--optimizer.betas", "--run_id",
                 "--learning_rate", "--bad_images", "--ema", "--precision"):  # fmt: skip
        assert f"  {name} " in said


@pytest.mark.parametrize(
    "options", ["--steps 3", "--network.channels 4", "--t_max 0.2", "--batch_size 1", "--size 32"]
)
def test_what_may_not_change_on_resume_is_refused_by_name(options, tmp_path, capsys):
    assert train(results=tmp_path) == 0
    run = tmp_path / "runs/denoising_photographs_resnet_single_run1"
    assert main(["train", "--resume", str(run), *options.split()]) == 2
    assert "resume: " in capsys.readouterr().err


def test_more_steps_on_resume(tmp_path, capsys):
    assert train(results=tmp_path) == 0
    run = tmp_path / "runs/denoising_photographs_resnet_single_run1"
    assert main(["train", "--resume", str(run), "--steps", "7", "--device", "cpu"]) == 0
    assert "14 work units" in capsys.readouterr().out
    assert "strategy.steps: None then, 7 now" in (run / "events.log").read_text()
