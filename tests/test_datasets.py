"""CIFAR-10, STL-10, CelebA and Urban100, small, in the form in which they lie on a user's disk."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from data_files import (
    random_pixels,
    write_celeba,
    write_cifar10,
    write_stl10,
    write_urban100,
)
from PIL import Image

from telegrad.cli.main import main
from telegrad.data.downloads import cifar10, stl10
from telegrad.data.pyramid import build_pyramid
from telegrad.data.source import NamedImage, celeba
from telegrad.data.stream import CropStream
from telegrad.data.urban100 import prepare_urban100, urban100
from telegrad.mge.grids import GridHierarchy

GRIDS = GridHierarchy((32, 32), levels=2)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A download that is tried fails at once, as on a machine without network."""

    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)


# --- CIFAR-10 and STL-10 --------------------------------------------------------------------------


def test_cifar10_is_read_from_its_pickled_batches(tmp_path, monkeypatch):
    pixels = write_cifar10(tmp_path, monkeypatch)
    source = cifar10(tmp_path)
    assert (len(source.train), len(source.val)) == (30, 6)
    expected = pixels["data_batch_2"][1].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(source.train[7].open(), expected)
    assert source.val[0].name == "cifar10 test 0"


def test_stl10_trains_on_labeled_and_unlabeled_images(tmp_path, monkeypatch):
    pixels = write_stl10(tmp_path, monkeypatch)
    source = stl10(tmp_path)
    assert (len(source.train), len(source.val)) == (12, 4)
    assert np.array_equal(source.train[2].open(), pixels["train_X.bin"][2].transpose(1, 2, 0))
    assert np.array_equal(source.train[5].open(), pixels["unlabeled_X.bin"][0].transpose(1, 2, 0))


@pytest.mark.parametrize(("write", "read", "file"), [
    (write_cifar10, cifar10, "cifar-10-batches-py/data_batch_3"),
    (write_stl10, stl10, "stl10_binary/unlabeled_X.bin"),
])  # fmt: skip
def test_missing_half_downloaded_or_altered_files_are_never_opened(
    write, read, file, tmp_path, monkeypatch
):
    with pytest.raises(OSError, match="can't be downloaded .*; or name another data_dir"):
        read(tmp_path / "empty")
    write(tmp_path, monkeypatch)
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match="not whole in .*unpack it so that"):
        read(tmp_path)
    (tmp_path / file).write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}))
    with pytest.raises(OSError, match="not whole in"):
        read(tmp_path)


# --- CelebA ---------------------------------------------------------------------------------------


def test_celeba_is_split_by_its_own_list(tmp_path):
    names = write_celeba(tmp_path)
    source = celeba(tmp_path)
    assert [Path(i.name).name for i in source.train] == names[:8]
    assert [Path(i.name).name for i in source.val] == names[8:11]
    assert source.train[0].open().shape == (218, 178, 3)


def test_celeba_says_what_is_missing_and_where_it_belongs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Download img_align_celeba\.zip .* put both into"):
        celeba(tmp_path)
    names = write_celeba(tmp_path)
    for name in names[2:4]:
        (tmp_path / "CelebA/img_align_celeba" / name).unlink()
    with pytest.raises(
        FileNotFoundError, match=f"names 2 images that .* lacks, {names[2]} the first"
    ):
        celeba(tmp_path)


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg 3", "000001.jpg 0 1", "a b c"])
def test_a_line_of_the_split_that_makes_no_sense_is_named(tmp_path, line):
    write_celeba(tmp_path)
    partition = tmp_path / "CelebA/list_eval_partition.txt"
    partition.write_text("000002.jpg 0\n" + line + "\n")
    with pytest.raises(ValueError, match="line 2: "):
        celeba(tmp_path)


# --- Urban100 -------------------------------------------------------------------------------------


def test_patches_of_urban100_are_pairs_at_the_same_place(tmp_path):
    write_urban100(tmp_path)
    source = urban100(tmp_path, patch_size=32, train_patches=4, test_patches=2)
    assert (len(source.train), len(source.val)) == (12, 6)
    for image in (*source.train, *source.val):
        high, low = image.open(), image.low()
        assert (high.shape, low.shape) == ((64, 64, 3), (32, 32, 3))
        averaged = high.reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.abs(averaged - low).max() <= 0.5
    again = urban100(tmp_path, patch_size=32, train_patches=4, test_patches=2)
    assert [i.name for i in again.train] == [i.name for i in source.train]
    assert len({i.name for i in source.train}) == 12


@pytest.mark.parametrize("kind", ["tensor", "unit floats", "signed floats"])
def test_urban100_in_its_other_forms(tmp_path, kind):
    root = write_urban100(tmp_path, shapes=((40, 48),) * 3)
    expected = [i.open() for i in urban100(tmp_path, 40).train]
    for file in root.glob("*.pt"):
        images = torch.stack(torch.load(file, weights_only=True))
        scaled = images.double() / 255
        content = {"tensor": images, "unit floats": scaled, "signed floats": list(2 * scaled - 1)}
        torch.save(content[kind], file)
    found = [i.open() for i in urban100(tmp_path, 40).train]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_pair_stays_a_pair_on_every_level_and_in_every_crop(tmp_path):
    write_urban100(tmp_path)
    images = urban100(tmp_path, patch_size=48).train
    pyramid = build_pyramid(images, GRIDS, pairs=True)
    stream = CropStream(pyramid, seed=0)
    for level, crops in enumerate(stream.take((20, 20))):
        height, width = GRIDS.shape(level)
        assert crops["clean"].shape == (20, 3, height, width)
        assert crops["low"].shape == (20, 3, height // 2, width // 2)
        averaged = F.avg_pool2d(crops["clean"].float(), 2)
        assert (averaged - crops["low"].float()).abs().max() <= 1.5  # rounded to bytes twice
    (single,) = CropStream(build_pyramid(images, GRIDS), seed=0).take((1,))
    assert set(single) == {"clean"}


class Exploit:
    def __reduce__(self):
        return (Path.touch, (Path("owned"),))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([Exploit()], "could run code that is hidden in it; refused"),
        (None, "is missing. Make it .* `telegrad prepare urban100 FOLDER"),
        ([], "one or more of them"),
        ([torch.zeros(1, 80, 80)], "a list of tensors"),
        ({"images": torch.zeros(3, 80, 80)}, "a list of tensors"),
        ([torch.full((3, 80, 80), 200.0)] * 3, r"lie in \[200, 200\]"),
        ([torch.full((3, 80, 80), float("nan"))] * 3, "needs uint8, or floating point"),
        ([torch.zeros(3, 80, 80)], "1 low-resolution and 3 high-resolution"),
        ([torch.zeros(3, 69, 90), *[torch.zeros(3, 80, 66)] * 2], "pair 0 .*69×90, .*140×180"),
        (b"torn", "is damaged|could run code"),
    ],
)
def test_files_of_urban100_that_cannot_be_used(content, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write_urban100(tmp_path) / "low_res_train.pt"
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(file.read_bytes()[:3000])
    else:
        torch.save(content, file)
    with pytest.raises((ValueError, OSError), match=says):
        urban100(tmp_path)
    assert not Path("owned").exists()


def test_patches_larger_than_an_image_are_refused(tmp_path):
    write_urban100(tmp_path)
    with pytest.raises(
        ValueError, match=r"image 2 of train .* has 64×64 pixels; use patch_size=64"
    ):
        urban100(tmp_path, patch_size=65)


def test_a_pair_whose_sizes_differ_is_refused_in_the_pyramid_too():
    pair = NamedImage("a pair", lambda: random_pixels(64, 64, 3), lambda: random_pixels(30, 32, 3))
    with pytest.raises(ValueError, match="a pair: high resolution 64×64, low resolution 30×32"):
        build_pyramid([pair], GRIDS, pairs=True)


def test_prepare_makes_the_four_files_from_a_folder(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for k, shape in enumerate([(81, 100, 3), (90, 91, 3), (88, 88, 3), (100, 80, 3), (80, 80, 3)]):
        Image.fromarray(random_pixels(*shape, seed=k)).save(tmp_path / "photos" / f"{k}.png")
    command = ["prepare", "urban100", str(tmp_path / "photos"), "--data_dir", str(tmp_path)]
    assert main([*command, "--test_every", "4"]) == 0
    assert capsys.readouterr().out.count("Wrote ") == 4
    source = urban100(tmp_path, patch_size=40)
    assert (len(source.train), len(source.val)) == (30, 4)
    high = torch.load(tmp_path / "Urban100/high_res_test.pt", weights_only=True)
    assert [tuple(i.shape) for i in high] == [(3, 80, 100), (3, 80, 80)]
    assert np.array_equal(high[0].permute(1, 2, 0).numpy(), random_pixels(81, 100, 3)[:80])


def test_prepare_leaves_what_was_there_when_an_image_is_bad(tmp_path):
    root = write_urban100(tmp_path)
    before = {file: file.read_bytes() for file in root.iterdir()}
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="no images in"):
        prepare_urban100(tmp_path / "photos", tmp_path)
    Image.fromarray(random_pixels(80, 80, 3)).save(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.png").write_bytes(b"broken")
    with pytest.raises(OSError, match=r"b\.png: can't be read"):
        prepare_urban100(tmp_path / "photos", tmp_path)
    with pytest.raises(ValueError, match="test_every=1, needs 2"):
        prepare_urban100(tmp_path / "photos", tmp_path, test_every=1)
    assert {file: file.read_bytes() for file in root.iterdir()} == before


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["denoising", "superresolution"])
@pytest.mark.parametrize("dataset", ["cifar10", "stl10", "celeba", "urban100"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_every_dataset_trains_from_the_command_line(
    dataset, task, by, tmp_path, monkeypatch, capsys
):
    {
        "cifar10": lambda: write_cifar10(tmp_path, monkeypatch),
        "stl10": lambda: write_stl10(tmp_path, monkeypatch),
        "celeba": lambda: write_celeba(tmp_path),
        "urban100": lambda: write_urban100(tmp_path),
    }[dataset]()
    where = ["--data_dir", str(tmp_path)]
    if by == "environment":
        monkeypatch.setenv("TELEGRAD_DATA", str(tmp_path))
        where = []
    options = (
        f"--dataset {dataset} --mode fullmultiscale --network resnet --channels 8 --levels 2 "
        f"--batch_size 2 --work_units 12 --val_images 3 --validations 1 --device cpu"
    )
    results = tmp_path / "results"
    assert main(["train", task, *options.split(), *where, "--results_dir", str(results)]) == 0
    assert f"Trained {task}_{dataset}_resnet_fullmultiscale_run1" in capsys.readouterr().out
    model = results / f"models/{task}_{dataset}_resnet_fullmultiscale_run1_best.pt"
    assert main(["evaluate", str(model), "--dataset", dataset, *where, "--images", "3"]) == 0
    assert main(["evaluate", str(model), "--img_size", "32", "--images", "3"]) == 0


def test_patch_options_belong_to_urban100(tmp_path, capsys):
    assert main(["train", "superresolution", "--patch_size", "32", "--network", "srnet"]) == 2
    assert "patch_size is an option of dataset=urban100 only" in capsys.readouterr().err
