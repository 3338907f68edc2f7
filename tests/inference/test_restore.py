"""Trained models on images of any size and kind, and what they measure."""

import pickle
import re

import numpy as np
import pytest
import torch
from describe import described
from PIL import Image

from telegrad.cli.main import main
from telegrad.data import Photographs
from telegrad.data.image_files import Picture, read_picture, write_picture
from telegrad.inference import evaluate_model, load_model, restore_image
from telegrad.inference.noise import estimate_noise
from telegrad.networks import ResNet, UNet
from telegrad.networks.tiles import in_tiles
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint, write_checkpoint


def train(task, results, **options):
    recipe = described(
        task=task,
        strategy="cascadic",
        size=32,
        levels=2,
        work_units=800,
        batch_sizes=[8, 4],
        learning_rate=3e-3,
        validations=2,
        images=8,
        device="cpu",
        out=str(results),
        **options,
    )
    return run(recipe)


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    report = train(
        "paper_denoising",
        tmp_path_factory.mktemp("denoising"),
        network="resnet",
        channels=8,
        t_max=0.5,
    )
    return report.files.best


@pytest.fixture(scope="module")
def doubler(tmp_path_factory):
    report = train(
        "paper_superresolution", tmp_path_factory.mktemp("sr"), network="srnet", channels=8
    )
    return report.files.best


def photograph(height=75, width=101, corner=(60, 120)):
    """A piece of a real photograph, of a cat that is not trained on."""
    pixels = Photographs().source().val[0].open()
    top, left = corner
    return Image.fromarray(pixels[top : top + height, left : left + width])


def psnr(a, b):
    difference = np.asarray(a, float) - np.asarray(b, float)
    return 10 * np.log10(255**2 / (difference**2).mean())


# --- restoring ------------------------------------------------------------------------------------


def test_a_noisy_photograph_gets_better_whole_and_in_tiles(denoiser):
    model = load_model(denoiser)
    clean = read_picture_of(photograph(150, 203))
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    whole = restore_image(model, noisy)
    assert (whole - clean).square().mean() < 0.5 * (noisy - clean).square().mean()
    tiled = restore_image(model, noisy, tile=64)
    assert (tiled - whole).abs().max() < 1e-3


def read_picture_of(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


@pytest.mark.parametrize("size", [(64, 64), (65, 127), (200, 48), (1, 1), (3, 300)])
def test_tiles_of_a_local_function_give_its_result_on_every_size(size):
    torch.manual_seed(0)
    network = ResNet(8, time=False)
    torch.nn.init.normal_(network.closing.weight, std=0.1)
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(in_tiles(network, x, tile=64), network(x), atol=1e-4, rtol=0)


def test_a_network_with_global_statistics_sees_pieces_of_the_size_it_was_trained_on(tmp_path):
    """And their seams can't be told from the rest of the image."""
    model = load_model(
        train(
            "paper_denoising", tmp_path, network="unet", channels=16, dropout=0.0, t_max=0.5
        ).files.best
    )
    seen = set()
    model.network.register_forward_pre_hook(lambda _, inputs: seen.add(tuple(inputs[0].shape[-2:])))
    clean = read_picture_of(photograph(150, 203))
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    restored = restore_image(model, noisy, noise=0.2)
    assert seen == {(32, 32)}
    assert (restored - clean).square().mean() < 0.6 * (noisy - clean).square().mean()
    steps = (restored - clean).diff(dim=-1).abs().mean((0, 1))
    edges = [edge - 1 for start in range(16, 171, 16) for edge in (start, start + 32) if edge < 203]
    assert steps[edges].mean() < 1.1 * steps.mean()


def test_the_noise_of_an_image_is_estimated():
    clean = torch.linspace(-1, 1, 256).expand(3, 230, 256)
    for sigma in (0.0, 0.05, 0.2):
        noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        assert estimate_noise(noisy) == pytest.approx(sigma, abs=0.01)
    assert estimate_noise(clean[:, :1, :1]) == 0


def test_super_resolution_doubles_the_size(doubler, tmp_path):
    photograph(37, 50).save(tmp_path / "small.png")
    assert (
        main(["restore", str(doubler), str(tmp_path / "small.png"), "--out", str(tmp_path / "out")])
        == 0
    )
    with Image.open(tmp_path / "out" / "small.png") as image:
        assert image.size == (100, 74)


def test_a_folder_of_every_kind_of_image(denoiser, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "deeper").mkdir(parents=True)
    photo = photograph()
    photo.save(folder / "color.jpg")
    photo.save(folder / "color.png")
    photo.convert("L").save(folder / "deeper" / "grey.png")
    see_through = photo.copy()
    see_through.putalpha(Image.fromarray(np.arange(101, dtype=np.uint8)[None].repeat(75, 0)))
    see_through.save(folder / "alpha.png")
    deep = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"not an image")

    with pytest.warns(UserWarning, match="left out .*broken.jpg"):
        code = main(["restore", str(denoiser), str(folder), "--out", str(out), "--noise", "2"])
    assert code == 1
    said = capsys.readouterr().out
    assert "Restored 6 images" in said
    assert re.search(r"Left out .*broken\.jpg", said)
    opened = {}
    for file in sorted(out.rglob("*.png")):
        with Image.open(file) as image:
            opened[file.relative_to(out).as_posix()] = image.copy()
    assert {name: (i.mode, i.size) for name, i in opened.items()} == {
        "alpha.png": ("RGBA", (101, 75)),
        "color.png": ("RGB", (101, 75)),
        "color.png.png": ("RGB", (101, 75)),
        "deep.png": ("I;16", (101, 75)),
        "deeper/grey.png": ("L", (101, 75)),
        "turned.png": ("RGB", (75, 101)),
    }
    assert psnr(opened["color.png"], photo) > 25
    assert np.array_equal(np.asarray(opened["alpha.png"])[..., 3], np.asarray(see_through)[..., 3])
    assert psnr(np.asarray(opened["deep.png"]) / 257, deep / 257) > 25


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "I;16"])
def test_pictures_come_back_as_they_were_written(mode, tmp_path):
    photo = photograph()
    if mode == "I;16":
        photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 200)
    else:
        photo = photo.convert(mode)
    photo.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.rgb.shape == (3, 75, 101)
    write_picture(tmp_path / "b.png", picture.rgb, like=picture)
    with Image.open(tmp_path / "b.png") as again:
        assert again.mode == mode
        assert np.array_equal(np.asarray(again), np.asarray(photo))
    assert Picture(picture.rgb).bits == 8


# --- evaluating -----------------------------------------------------------------------------------


def test_evaluation_agrees_with_the_end_of_training(tmp_path):
    report = train("paper_denoising", tmp_path, network="resnet", channels=8)
    model = load_model(report.files.best)
    corrupted, restored = evaluate_model(model, images=8)
    assert restored.mean_mse == pytest.approx(report.restored.mean_mse, rel=1e-5)
    assert corrupted.mean_psnr == pytest.approx(report.corrupted.mean_psnr, rel=1e-5)


def test_options_of_a_folder_count_under_both_of_their_names(denoiser, tmp_path, capsys):
    for k in range(2):
        photograph().save(tmp_path / f"{k}.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    folder = ["evaluate", str(denoiser), str(tmp_path)]

    def said(*options):
        with pytest.warns(UserWarning, match="broken.png"):
            assert main([*folder, *options]) == 0
        return capsys.readouterr().out

    assert said("--bad_images", "skip") == said("--data.bad_images", "skip")
    crops = "--bad_images=skip", "--images=2"
    assert said("--size", "16", *crops) == said("--data.size", "16", *crops)
    assert "2 crops" in said("--data.size", "16", *crops)
    assert main([*folder, "--data.max_pixels", "9"]) == 2
    assert "more than 9 in all" in capsys.readouterr().err


def test_evaluate_prints_every_metric_beside_that_of_the_corrupted_images(
    denoiser, tmp_path, capsys
):
    for k in range(3):
        photograph(64, 64, corner=(20 * k, 0)).save(tmp_path / f"{k}.png")
    command = ["evaluate", str(denoiser), "--data", "folder", "--data.path", str(tmp_path)]
    assert main([*command, "--size", "48", "--images", "6"]) == 0
    said = capsys.readouterr().out
    for word in ("MSE", "PSNR", "SSIM", "corrupted", "restored", "±", "denoising, ResNet, 6 crops"):
        assert word in said


# --- bad input ------------------------------------------------------------------------------------


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a checkpoint was run')",))


def foreign(kind, denoiser, path):
    content = read_checkpoint(denoiser)
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Malicious()))
    elif kind == "pickle inside":
        torch.save({**content, "configuration": Malicious()}, path)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "torn":
        path.write_bytes(denoiser.read_bytes()[:5000])
    elif kind == "other weights":
        write_checkpoint(path, {**content, "model_state_dict": UNet(16).state_dict()})
    elif kind == "other program":
        torch.save({"epoch": 1}, path)
    return path


@pytest.mark.parametrize(
    "kind", ["pickle", "pickle inside", "empty", "torn", "other weights", "other program"]
)
@pytest.mark.parametrize("command", ["evaluate", "restore"])
def test_foreign_checkpoints_are_refused_and_never_run(kind, command, denoiser, tmp_path, capsys):
    path = foreign(kind, denoiser, tmp_path / "checkpoint.pt")
    photograph().save(tmp_path / "image.png")
    assert (
        main([command, str(path), *([str(tmp_path / "image.png")] if command == "restore" else [])])
        == 2
    )
    said = capsys.readouterr().err
    refusal = (
        "missing from the file"
        if kind == "other weights"
        else "not a model that `telegrad train` has"
    )
    assert refusal in said and len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["restore", "CHECKPOINT", "nowhere.png"], "nowhere.png does not exist"),
        (["restore", "CHECKPOINT", "EMPTY"], "no images in"),
        (["restore", "missing.pt", "EMPTY"], "missing.pt: no such file"),
        (["restore", "CHECKPOINT", "EMPTY", "--noise", "-1"], "noise=-1.0: needs"),
        (["restore", "denoise", "EMPTY", "--noise", "5"], "is not told of any: it restores what"),
        (["restore", "CHECKPOINT", "EMPTY", "--tile", "4"], "needs 16 pixels or more"),
        (["restore", "CHECKPOINT", "EMPTY", "--device", "cuda:99"], "device=cuda:99 can't be used"),
        (
            ["evaluate", "CHECKPOINT", "--data", "folder"],
            "data Folder: needs path; say --data.path",
        ),
        (
            ["evaluate", "CHECKPOINT", "--network", "srnet"],
            "not those of SRNet as it is described",
        ),
        (
            ["restore", "CHECKPOINT", "EMPTY", "--network", "unet"],
            "not those of UNet as it is described",
        ),
        (["restore", "CHECKPOINT", "EMPTY", "--network.width", "4"], "needs --network beside it"),
        (["restore", "CHECKPOINT", "EMPTY", "--nosie", "4"], "did you mean --noise?"),
        (["evaluate", "CHECKPOINT", "nowhere_at_all"], "no directory of that name either"),
        (["evaluate", "CHECKPOINT", "--size", "5000"], "smaller than the crop"),
    ],
)
def test_wrong_input_ends_in_a_clear_message(arguments, says, denoiser, tmp_path, capsys):
    words = {"CHECKPOINT": str(denoiser), "EMPTY": str(tmp_path)}
    assert main([words.get(a, a) for a in arguments]) == 2
    assert says in capsys.readouterr().err
