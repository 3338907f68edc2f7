"""What all datasets have in common: their options, where they lie, and classes of a user's own."""

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from data_files import random_pixels, write_celeba, write_cifar10, write_stl10, write_urban100

from telegrad import data
from telegrad.data import (
    CIFAR10,
    STL10,
    CelebA,
    Data,
    EightPhotographs,
    Folder,
    NamedImage,
    Pairs,
    Photographs,
    Source,
    Urban100,
    default_data_dir,
)
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.grids import GridHierarchy
from telegrad.options import NEEDED, meanings, option

EVERY = (CIFAR10, STL10, CelebA, EightPhotographs, Folder, Pairs, Photographs, Urban100)
NEEDS = {Folder: {"path": "photos"}, Pairs: {"path": "photos", "input": "lq", "target": "gt"}}
STORED = (CIFAR10, STL10, CelebA, Urban100)


def write(kind, directory, monkeypatch):
    {
        CIFAR10: lambda: write_cifar10(directory, monkeypatch),
        STL10: lambda: write_stl10(directory, monkeypatch),
        CelebA: lambda: write_celeba(directory),
        Urban100: lambda: write_urban100(directory),
    }[kind]()


def test_the_room_offers_each_dataset_by_its_name():
    assert set(EVERY) == {
        what
        for name in data.__all__
        if isinstance(what := getattr(data, name), type)
        and issubclass(what, Data)
        and what is not Data
    }
    assert EightPhotographs.name == "photographs"  # as its runs were called in version 0.1
    assert all(kind.name == kind.__name__.lower() for kind in EVERY if kind != EightPhotographs)


def test_the_room_imports_nothing_heavy():
    code = "import sys, telegrad.data; print(*sys.modules)"
    names = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"torchvision", "skimage", "scipy", "matplotlib", "lightning_fabric"} & set(names)


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 0}, "^size=0: needs 1 pixel or more"),
        ({"size": 2**16 + 1}, "^size=65537: needs at most 65,536 pixels"),
        ({"size": "a"}, "^size='a': needs a whole number"),
        ({"size": 64.0}, "^size=64.0: needs a whole number"),
        ({"size": True}, "^size=True: needs a whole number"),
        ({"bad_images": "maybe"}, "^bad_images='maybe': needs one of refuse, skip"),
        ({"bad_images": None}, "^bad_images=None: needs one of refuse, skip"),
    ],
)
@pytest.mark.parametrize("kind", EVERY)
def test_options_of_every_dataset_are_checked_at_construction(kind, options, says):
    needed = NEEDS.get(kind, {})
    assert kind(**needed).bad_images == "refuse"
    with pytest.raises(ValueError, match=says):
        kind(**needed, **options)


@pytest.mark.parametrize("name", ["patch_size", "train_patches", "test_patches"])
def test_numbers_of_urban100_are_checked_at_construction(name):
    for value, says in ((0, "1( pixel)? or more"), (10**6, "at most "), ("a", "a whole number")):
        with pytest.raises(ValueError, match=f"^{name}={value!r}: needs {says}"):
            Urban100(**{name: value})


@pytest.mark.parametrize("kind", STORED)
@pytest.mark.parametrize("path", ["", " ", "a\0b", 7])
def test_a_path_that_names_nothing_is_refused(kind, path):
    with pytest.raises(ValueError, match="^path=.*: needs a text"):
        kind(path=path)


def test_an_option_of_another_dataset_is_refused():
    with pytest.raises(TypeError, match="patch_size"):
        CIFAR10(patch_size=32)
    with pytest.raises(TypeError, match="path"):
        Photographs(path="photos")


def test_a_dataset_is_a_value():
    assert Urban100(patch_size=32) == Urban100(patch_size=32) != Urban100()
    assert replace(CIFAR10(), size=16).crop == 16
    with pytest.raises(AttributeError):
        CIFAR10().size = 16


def test_crops_have_the_size_that_suits_the_dataset_unless_one_is_said():
    kinds = (Photographs, CIFAR10, STL10, CelebA, Urban100)
    assert [kind().crop for kind in kinds] == [64, 32, 96, 128, 128]
    assert Folder(path="photos").crop == 64
    assert {kind(size=48).crop for kind in kinds} == {48}


@pytest.mark.parametrize("kind", EVERY)
def test_every_option_says_what_it_means(kind):
    said = meanings(kind)
    assert {"size", "bad_images"} <= said.keys()
    assert "between 1 and 65,536 pixels" in said["size"]
    assert all(said.values())


# --- where they lie -------------------------------------------------------------------------------


def test_the_environment_says_where_data_lies(monkeypatch):
    monkeypatch.delenv("TELEGRAD_DATA", raising=False)
    assert default_data_dir() == "data"
    for value, where in (("/images", "/images"), ("", "data")):
        monkeypatch.setenv("TELEGRAD_DATA", value)
        assert default_data_dir() == where


@pytest.mark.parametrize("kind", STORED)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_every_dataset_gives_crops_of_every_level(kind, by, tmp_path, monkeypatch, no_network):
    write(kind, tmp_path, monkeypatch)
    monkeypatch.delenv("TELEGRAD_DATA", raising=False)
    if by == "environment":
        monkeypatch.setenv("TELEGRAD_DATA", str(tmp_path))
        dataset = kind()
    else:
        dataset = kind(path=str(tmp_path))
    source = dataset.source()
    assert source.name == kind.name
    assert not {image.name for image in source.train} & {image.name for image in source.val}
    assert all(image.files or kind is Urban100 for image in source.train)
    grids = GridHierarchy((dataset.crop, dataset.crop), levels=2)
    for images in (source.train, source.val):
        stream = CropStream(build_pyramid(images, grids, pairs=True), seed=0)
        coarse, fine = stream.take((2, 2))
        assert tuple(fine["clean"].shape) == (2, 3, dataset.crop, dataset.crop)
        assert tuple(coarse["clean"].shape) == (2, 3, dataset.crop // 2, dataset.crop // 2)
        assert ("low" in fine) == (kind is Urban100)


# --- of a user's own ------------------------------------------------------------------------------


def noise(seed):
    return NamedImage(f"noise {seed}", lambda: random_pixels(40, 50, 3, seed=seed))


@dataclass(frozen=True, kw_only=True)
class Plain(Data):
    name = "plain"
    path: str
    images: int = 4

    def source(self):
        train = [noise(k) for k in range(1, self.images)]
        return Source(self.name, train=train, val=[noise(0)])


@dataclass(frozen=True, kw_only=True)
class Declared(Data):
    name: ClassVar[str] = "declared"
    default_size: ClassVar[int] = 32

    path: str = option(NEEDED, "folder of images")
    images: int = option(4, "how many there are", least=2)
    sides: tuple[int, int] = option((40, 50), "of an image", unit="pixels", least=16)

    def source(self):
        train = [noise(k) for k in range(1, self.images)]
        return Source(self.name, train=train, val=[noise(0)])


@pytest.mark.parametrize(("kind", "crop"), [(Plain, 64), (Declared, 32)])
def test_a_dataset_of_a_users_own_is_one_class(kind, crop):
    dataset = kind(path="here", images=6)
    assert (dataset.name, dataset.path, dataset.crop) == (kind.name, "here", crop)
    source = dataset.source()
    assert [len(part) for part in (source.train, source.val)] == [5, 1]
    built = build_pyramid(source.train, GridHierarchy((32, 32), levels=2))
    assert len(built.images) == 5


@pytest.mark.parametrize("kind", [Plain, Declared])
def test_its_options_are_checked_too(kind):
    with pytest.raises(TypeError, match="'path'"):
        kind()
    with pytest.raises(ValueError, match="^size=0: needs 1 pixel or more"):
        kind(path="here", size=0)
    with pytest.raises(ValueError, match="^bad_images='maybe'"):
        kind(path="here", bad_images="maybe")


def test_what_it_declares_is_checked_and_plain_fields_are_its_own():
    assert Plain(path=7).path == 7
    assert "path" not in meanings(Plain)
    with pytest.raises(ValueError, match="^path=7: needs a text"):
        Declared(path=7)
    with pytest.raises(ValueError, match="^images=1: needs 2 or more"):
        Declared(path="here", images=1)
    with pytest.raises(ValueError, match=r"^sides=\(40, 8\): needs 16 pixels or more each"):
        Declared(path="here", sides=(40, 8))
    assert meanings(Declared)["sides"] == "of an image (16 pixels or more)"


def test_it_may_stand_in_a_file_of_its_own_with_annotations_as_texts(tmp_path, monkeypatch):
    (tmp_path / "my_images.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from typing import TYPE_CHECKING\n"
        "from telegrad.data import Data, NamedImage, Source\n"
        "from telegrad.options import NEEDED, option\n"
        "if TYPE_CHECKING:\n"
        "    from nowhere import Reader\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(Data):\n"
        "    name = 'mine'\n"
        "    path: str = option(NEEDED, 'folder of images')\n"
        "    reader: Reader | None = None\n"
        "    def source(self):\n"
        "        return Source('mine', train=[], val=[])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from my_images import Mine

    assert Mine(path="here").crop == 64
    with pytest.raises(ValueError, match="^path=7: needs a text"):
        Mine(path=7)
    monkeypatch.delitem(sys.modules, "my_images")


def test_without_a_source_it_is_no_dataset():
    @dataclass(frozen=True, kw_only=True)
    class Half(Data):
        name = "half"

    with pytest.raises(TypeError, match="source"):
        Half()


def test_an_image_of_a_file_has_its_name_and_is_noticed_when_it_changes(directory):
    file = directory / "00.png"
    image = NamedImage.of_file(file)
    assert (image.name, image.files, image.low) == (str(file), (file,), None)
    pixels = image.open()
    assert (pixels.shape, pixels.dtype) == ((70, 90, 3), np.uint8)
