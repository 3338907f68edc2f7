"""Urban100, small, in the form in which it lies on a user's disk, and how its files are made."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from data_files import random_pixels, write_urban100
from PIL import Image

from telegrad.data import NamedImage, Urban100
from telegrad.data.prepare_urban100 import prepare_urban100
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.grids import GridHierarchy

GRIDS = GridHierarchy((32, 32), levels=2)


def test_patches_of_urban100_are_pairs_at_the_same_place(tmp_path):
    write_urban100(tmp_path)
    source = Urban100(path=str(tmp_path), patch_size=32, train_patches=4, test_patches=2).source()
    assert (len(source.train), len(source.val)) == (12, 6)
    for image in (*source.train, *source.val):
        high, low = image.open(), image.low()
        assert (high.shape, low.shape) == ((64, 64, 3), (32, 32, 3))
        averaged = high.reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.abs(averaged - low).max() <= 0.5
    again = Urban100(path=str(tmp_path), patch_size=32, train_patches=4, test_patches=2).source()
    assert [i.name for i in again.train] == [i.name for i in source.train]
    assert len({i.name for i in source.train}) == 12


@pytest.mark.parametrize("kind", ["tensor", "unit floats", "signed floats"])
def test_urban100_in_its_other_forms(tmp_path, kind):
    root = write_urban100(tmp_path, shapes=((40, 48),) * 3)
    expected = [i.open() for i in Urban100(path=str(tmp_path), patch_size=40).source().train]
    for file in root.glob("*.pt"):
        images = torch.stack(torch.load(file, weights_only=True))
        scaled = images.double() / 255
        content = {"tensor": images, "unit floats": scaled, "signed floats": list(2 * scaled - 1)}
        torch.save(content[kind], file)
    pixels = [i.open() for i in Urban100(path=str(tmp_path), patch_size=40).source().train]
    assert all(np.array_equal(a, b) for a, b in zip(pixels, expected, strict=True))


def test_a_pair_stays_a_pair_on_every_level_and_in_every_crop(tmp_path):
    write_urban100(tmp_path)
    images = Urban100(path=str(tmp_path), patch_size=48).source().train
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
        Urban100(path=str(tmp_path)).source()
    assert not Path("owned").exists()


def test_patches_larger_than_an_image_are_refused(tmp_path):
    write_urban100(tmp_path)
    with pytest.raises(
        ValueError, match=r"image 2 of train .* has 64×64 pixels; use patch_size=64"
    ):
        Urban100(path=str(tmp_path), patch_size=65).source()


def test_a_pair_whose_sizes_differ_is_refused_in_the_pyramid_too():
    pair = NamedImage("a pair", lambda: random_pixels(64, 64, 3), lambda: random_pixels(30, 32, 3))
    with pytest.raises(ValueError, match="a pair: high resolution 64×64, low resolution 30×32"):
        build_pyramid([pair], GRIDS, pairs=True)


def test_prepare_makes_the_four_files_from_a_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for k, shape in enumerate([(81, 100, 3), (90, 91, 3), (88, 88, 3), (100, 80, 3), (80, 80, 3)]):
        Image.fromarray(random_pixels(*shape, seed=k)).save(tmp_path / "photos" / f"{k}.png")
    written = prepare_urban100(tmp_path / "photos", tmp_path, test_every=4)
    assert sorted(written) == sorted((tmp_path / "Urban100").iterdir())
    assert len(written) == 4
    source = Urban100(path=str(tmp_path), patch_size=40).source()
    assert (len(source.train), len(source.val)) == (30, 4)
    high = torch.load(tmp_path / "Urban100/high_res_test.pt", weights_only=True)
    assert [tuple(i.shape) for i in high] == [(3, 80, 100), (3, 80, 80)]
    assert np.array_equal(high[0].permute(1, 2, 0).numpy(), random_pixels(81, 100, 3)[:80])


def test_prepare_leaves_what_was_there_when_an_image_is_bad(tmp_path):
    root = write_urban100(tmp_path)
    before = {file: file.read_bytes() for file in root.iterdir()}
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="no images in"):
        prepare_urban100(tmp_path / "photos", tmp_path, overwrite=True)
    Image.fromarray(random_pixels(80, 80, 3)).save(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.png").write_bytes(b"broken")
    with pytest.raises(OSError, match=r"b\.png: can't be read"):
        prepare_urban100(tmp_path / "photos", tmp_path, overwrite=True)
    with pytest.raises(ValueError, match="test_every=1, needs 2"):
        prepare_urban100(tmp_path / "photos", tmp_path, test_every=1)
    assert {file: file.read_bytes() for file in root.iterdir()} == before


def test_prepare_refuses_a_place_that_names_nothing(tmp_path):
    for arguments in ((" ", tmp_path), (tmp_path, "")):
        with pytest.raises(ValueError, match="needs the name of a folder"):
            prepare_urban100(*arguments)
    with pytest.raises(FileNotFoundError, match="nowhere is not a directory"):
        prepare_urban100(tmp_path / "nowhere", tmp_path)
    (tmp_path / "photos").mkdir()
    for name, shape in (("a", (80, 80, 3)), ("b", (1, 80, 3))):
        Image.fromarray(random_pixels(*shape)).save(tmp_path / "photos" / f"{name}.png")
    with pytest.raises(ValueError, match=r"b\.png has 1×80 pixels; needs 2×2 or more"):
        prepare_urban100(tmp_path / "photos", tmp_path, overwrite=True)
    assert not (tmp_path / "Urban100").exists()


def test_prepare_on_a_full_disk_leaves_each_file_old_or_new(tmp_path, monkeypatch):
    root = write_urban100(tmp_path)
    before = {file: file.read_bytes() for file in root.iterdir()}
    (tmp_path / "photos").mkdir()
    for name in "ab":
        Image.fromarray(random_pixels(80, 80, 3)).save(tmp_path / "photos" / f"{name}.png")

    def save(content, file):
        file.write(b"half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr("torch.save", save)
    with pytest.raises(OSError, match=r"low_res_train\.pt can't be written \(No space left"):
        prepare_urban100(tmp_path / "photos", tmp_path, overwrite=True)
    assert {file: file.read_bytes() for file in root.iterdir()} == before


def test_a_crop_is_a_whole_patch_of_the_high_resolution_unless_a_size_is_said():
    assert Urban100().crop == 128
    assert Urban100(patch_size=40).crop == 80
    assert Urban100(patch_size=40, size=64).crop == 64


def test_how_they_are_made_can_be_pasted(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        Urban100(path=str(tmp_path / "my data")).source()
    command = str(error.value).split("`")[1]
    assert shlex.split(command)[-2:] == ["--path", str(tmp_path / "my data")]
